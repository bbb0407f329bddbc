/** What is counted of limits per caller and of the store that several nodes share. Runs on the fronts and in main. */
import { Gauge } from 'prom-client';
import { remembered } from './rememberedSeries.js';
import { SeriesCounter } from './seriesCounter.js';
import { SeriesHistogram } from './seriesHistogram.js';
import type { MetricsRegistry } from './threadMetrics.js';

export interface StoreMetrics {
  countError(kind: string): void;
  observe(operation: string, seconds: number): void;
}

/** From a round trip on one machine to the deadline of a command. */
const durationBucketsS = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];

/** What a front counts; only where a store is configured. */
export function createStoreMetrics(registry: MetricsRegistry): StoreMetrics {
  const errors = registry.add(
    new SeriesCounter({
      name: 'fxn_store_errors_total',
      help: 'Operations on the shared store, and attempts to reach it, that failed, by kind: connect, timeout, reply, overload, changed, policy, replica, cluster, clock or unknown.',
      labelNames: ['kind'],
    }),
  );
  const durations = registry.add(
    new SeriesHistogram({
      name: 'fxn_store_request_duration_seconds',
      help: 'From a question to the shared store to its answer: claim (of a nonce), enter and leave (limits), session.',
      labelNames: ['operation'],
      buckets: durationBucketsS,
    }),
  );
  const durationOf = remembered((operation: string) => durations.seriesOf({ operation }));
  return {
    countError: (kind) => errors.seriesOf({ kind }).inc(),
    observe: (operation, seconds) => durationOf(operation).observe(seconds),
  };
}

/** In main; only where a store is configured. */
export function addStoreGauge(registry: MetricsRegistry, isUp: () => boolean): void {
  registry.add(
    new Gauge({
      name: 'fxn_store_up',
      help: 'Whether the shared store can be used by all fronts and remembers enough; absent without one.',
      registers: [],
      collect() {
        this.set(isUp() ? 1 : 0);
      },
    }),
  );
}

/** On a front; only where a limit is configured. */
export function createLimitCounter(registry: MetricsRegistry): (limit: string) => void {
  const refusals = registry.add(
    new SeriesCounter({
      name: 'fxn_limit_refusals_total',
      help: 'Requests refused because their caller had used a limit up: requests, streams or tokens.',
      labelNames: ['limit'],
    }),
  );
  const refusalOf = remembered((limit: string) => refusals.seriesOf({ limit }));
  return (limit) => refusalOf(limit).inc();
}

/** Main's own metrics, and the page that adds up those of all threads. Runs in main. */
import type { Config } from '../config/config.js';
import { type Clock, nowSeconds } from '../lib/clock.js';
import { watchEventLoop } from '../metrics/eventLoopDelay.js';
import { addMachineMetrics } from '../metrics/machineMetrics.js';
import { createNodeMetrics, type NodeMetrics } from '../metrics/nodeMetrics.js';
import {
  MetricsRegistry,
  type MetricsSnapshot,
  renderMetrics,
  snapshotMetrics,
} from '../metrics/threadMetrics.js';
import { ThreadNumbers } from '../metrics/threadNumbers.js';
import { requestColumn } from '../shm/inFlightTable.js';
import type { SharedTables } from './sharedTables.js';
import type { ModelsInForce } from './startModels.js';

export interface MainMetricsOptions {
  readonly config: Pick<Config, 'nonceCache'>;
  /** The folder whose disk is measured. */
  readonly home: string;
  readonly models: Pick<ModelsInForce, 'models' | 'backends'>;
  readonly tables: Pick<SharedTables, 'inFlight' | 'replayTable'>;
  /** What `/ready` would say now. */
  readonly isReady: () => Promise<boolean>;
  readonly clock: Clock;
}

/** A thread that counts in a registry of its own. */
export interface MeasuredThread {
  readonly name: string;
  collectMetrics(): Promise<MetricsSnapshot>;
}

export interface MainMetrics extends NodeMetrics {
  /** For what else main counts. */
  readonly registry: MetricsRegistry;
  /** Told of every thread that ends. */
  readonly threadNumbers: ThreadNumbers;
  /** The Prometheus text of main and these threads. */
  render(threads: readonly MeasuredThread[]): Promise<string>;
}

export function createMainMetrics(options: MainMetricsOptions): MainMetrics {
  const { config, home, models, tables, isReady, clock } = options;
  const registry = new MetricsRegistry();
  const threadNumbers = new ThreadNumbers();
  addMachineMetrics(registry, home);
  const counters = createNodeMetrics(
    registry,
    {
      isReady,
      requestsInFlight: () => tables.inFlight.total(requestColumn),
      backends: () =>
        models.backends().map(({ label, inFlight, isUp, breaker, kind }) => ({
          label,
          inFlight,
          isUp: isUp ?? undefined,
          breaker,
          kind: kind ?? undefined,
        })),
      queued: () => models.models().map(({ name, queued }) => ({ model: name, waiting: queued })),
      replayEntries: () => tables.replayTable.count(nowSeconds(clock)),
      replayCapacity: config.nonceCache.capacity,
    },
    watchEventLoop('main'),
  );

  return {
    ...counters,
    registry,
    threadNumbers,
    async render(threads) {
      threadNumbers.forgetGauges();
      const ask = async (thread: MeasuredThread): Promise<void> => {
        const take = threadNumbers.expect(thread.name);
        take(await thread.collectMetrics());
      };
      // Main's own numbers need an answer of a thread too: all are asked at once, so that a scrape waits only once. A
      // thread that does not answer, because it is busy or just being replaced, does not hold the others up.
      const [own] = await Promise.all([snapshotMetrics(registry), Promise.allSettled(threads.map(ask))]);
      return await renderMetrics([own, ...threadNumbers.snapshots]);
    },
  };
}

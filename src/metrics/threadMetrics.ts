/**
 * Metrics of a node made of threads. Each thread counts in its own prom-client registry; main asks every thread
 * for its numbers when it is scraped and adds them up. A front that ends hands its last numbers over first, and
 * main keeps them, so counters never fall.
 */
import { AggregatorRegistry, Gauge, type Metric, Registry } from 'prom-client';
import type { SeriesMetric } from './seriesTable.js';

/** One metric of `Registry.getMetricsAsJSON()`, reduced to what is read here. */
interface MetricData {
  readonly name: string;
  readonly type: unknown;
  readonly values: readonly unknown[];
}

/** One thread's metrics as plain data, as they cross the port. */
export type MetricsSnapshot = readonly MetricData[];

export class MetricsRegistry extends Registry {
  /** Registers metrics created with `registers: []`, so that none lands in prom-client's global registry. */
  add<M extends Metric | SeriesMetric>(metric: M): M {
    // prom-client's types ask for one of its classes; its code asks for what `SeriesMetric` has.
    this.registerMetric(metric as unknown as Metric);
    return metric;
  }

  /** A gauge without labels that is read when it is scraped. */
  addGauge(name: string, help: string, read: () => number): void {
    this.add(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(read());
        },
      }),
    );
  }
}

export async function snapshotMetrics(registry: Registry): Promise<MetricsSnapshot> {
  return await registry.getMetricsAsJSON();
}

/** Only what may outlive its thread: counters and histograms; a gauge dies with the thread that measured it. */
export function cumulativeOnly(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter((metric) => metric.type === 'counter' || metric.type === 'histogram');
}

function aggregate(snapshots: readonly MetricsSnapshot[]): Registry {
  // prom-client's types ask for one object here; its code and documentation take a list of lists.
  return AggregatorRegistry.aggregate(snapshots as never) as unknown as Registry;
}

/** Several snapshots as one, for folding a departed thread into what main keeps. */
export async function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): Promise<MetricsSnapshot> {
  return await snapshotMetrics(aggregate(snapshots));
}

/** The Prometheus text of several snapshots added up. */
export async function renderMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return await aggregate(snapshots).metrics();
}

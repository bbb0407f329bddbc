/** Every metric that a node can export, by asking the code that makes them: what rules and dashboards may name. */
import { Histogram } from 'prom-client';
import { createAlertCounter } from '#src/metrics/alertMetrics.js';
import { createChallengeMetrics } from '#src/metrics/challengeMetrics.js';
import { watchEventLoop } from '#src/metrics/eventLoopDelay.js';
import { createFrontMetrics } from '#src/metrics/frontMetrics.js';
import { addGpuMetrics } from '#src/metrics/gpuMetrics.js';
import { createInferenceMetrics } from '#src/metrics/inferenceMetrics.js';
import { addMachineMetrics } from '#src/metrics/machineMetrics.js';
import { createNodeMetrics } from '#src/metrics/nodeMetrics.js';
import { createRegistryMetrics } from '#src/metrics/registryMetrics.js';
import { SeriesHistogram } from '#src/metrics/seriesHistogram.js';
import { addStoreGauge, createLimitCounter, createStoreMetrics } from '#src/metrics/storeMetrics.js';
import { MetricsRegistry } from '#src/metrics/threadMetrics.js';

export interface ExportedSeries {
  readonly labels: readonly string[];
  /** Of a histogram's `_bucket`: its `le`. */
  readonly buckets?: readonly string[];
}

/** What Prometheus adds to each series when it scrapes, as config/prometheus does. */
export const targetLabels: readonly string[] = ['job', 'instance'];

export interface ExportedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** What prom-client and our own metrics both have. */
interface MetricShape {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly upperBounds?: readonly number[];
  get(): { readonly type: unknown } | Promise<{ readonly type: unknown }>;
}

/** The registry of a front, that of the registry thread and that of main, with every metric that may be in them. */
function exportingRegistries(): readonly MetricsRegistry[] {
  const nothing = (): never[] => [];
  const fronts = new MetricsRegistry();
  createFrontMetrics(fronts, watchEventLoop('front-0'));
  createInferenceMetrics(fronts);
  createStoreMetrics(fronts);
  createLimitCounter(fronts);
  const registryThread = new MetricsRegistry();
  createRegistryMetrics(registryThread, {
    registries: nothing,
    rpcs: nothing,
    isRegistered: () => undefined,
    maxStalenessMs: 0,
  });
  const main = new MetricsRegistry();
  createNodeMetrics(
    main,
    {
      isReady: async () => true,
      requestsInFlight: () => 0,
      backends: nothing,
      queued: nothing,
      replayEntries: () => 0,
      replayCapacity: 0,
    },
    watchEventLoop('main'),
  );
  addMachineMetrics(main, '/');
  addStoreGauge(main, () => true);
  addGpuMetrics(main, () => undefined);
  createAlertCounter(main);
  createChallengeMetrics(main, {
    jobs: () => ({ waiting: 0, isBusy: false }),
    commitments: () => 0,
    engines: nothing,
    hostRestarts: () => 0,
  });
  return [fronts, registryThread, main];
}

/** Each metric once, however many threads have it. */
export async function exportedMetrics(): Promise<ExportedMetric[]> {
  const metrics = new Map<string, ExportedMetric>();
  for (const registry of exportingRegistries()) {
    for (const metric of registry.getMetricsAsArray()) {
      const shape = metric as unknown as MetricShape;
      const { name, labelNames = [], help } = shape;
      const { type } = await shape.get();
      metrics.set(name, { name, type: String(type), labels: labelNames, help });
    }
  }
  return [...metrics.values()];
}

/** Series by name, with the three of each histogram in its place. */
export function exportedSeries(): Map<string, ExportedSeries> {
  const series = new Map<string, ExportedSeries>();
  for (const registry of exportingRegistries()) {
    for (const metric of registry.getMetricsAsArray()) {
      const { name, labelNames, upperBounds } = metric as unknown as MetricShape;
      const labels = labelNames ?? [];
      if (!(metric instanceof Histogram || metric instanceof SeriesHistogram)) {
        series.set(name, { labels });
        continue;
      }
      series.set(`${name}_sum`, { labels });
      series.set(`${name}_count`, { labels });
      const buckets = [...(upperBounds ?? []).map(String), '+Inf'];
      series.set(`${name}_bucket`, { labels: [...labels, 'le'], buckets });
    }
  }
  return series;
}

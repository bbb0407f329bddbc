/** A histogram whose series cost two additions to observe; see `seriesTable.ts`. Runs in every thread. */
import {
  type MetricReading,
  type SeriesLabels,
  type SeriesMetric,
  type SeriesMetricOptions,
  SeriesTable,
  type SeriesValue,
} from './seriesTable.js';

export interface SeriesHistogramOptions<Label extends string> extends SeriesMetricOptions<Label> {
  /** Upper bounds, ascending; each belongs to its bucket. */
  readonly buckets: readonly number[];
}

export class HistogramSeries {
  readonly labels: SeriesLabels;
  sum = 0;
  /** Values by bucket, not added up; the last is for what is above all bounds. */
  readonly counts: Float64Array;
  readonly #bounds: Float64Array;

  constructor(labels: SeriesLabels, bounds: Float64Array) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** What is no finite number is left out: it would be all that is left of the sum. */
  observe(value: number): void {
    if (!Number.isFinite(value)) return;
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.counts[bucket]! += 1;
    this.sum += value;
  }
}

export class SeriesHistogram<Label extends string = never> implements SeriesMetric {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #bounds: Float64Array;
  readonly #series: SeriesTable<Label, HistogramSeries>;

  /** Without label names its only series is there from the start. */
  constructor({ name, help, labelNames, buckets }: SeriesHistogramOptions<Label>) {
    this.name = name;
    this.help = help;
    const bounds = Float64Array.from(buckets);
    this.#bounds = bounds;
    this.#series = new SeriesTable(labelNames, (labels) => new HistogramSeries(labels, bounds));
  }

  /** Shown from now on, with zeros until it is observed. */
  seriesOf(labels: Readonly<Record<Label, string>>): HistogramSeries {
    return this.#series.of(labels);
  }

  get(): MetricReading {
    const { name, help, type, aggregator } = this;
    const values = this.#series.all.flatMap((series) => this.#valuesOf(series));
    return { name, help, type, aggregator, values };
  }

  reset(): void {
    for (const series of this.#series.all) {
      series.sum = 0;
      series.counts.fill(0);
    }
  }

  #valuesOf({ labels, counts, sum }: HistogramSeries): SeriesValue[] {
    let count = 0;
    const buckets = Array.from(counts, (inBucket, index) => {
      count += inBucket;
      return {
        labels: { le: this.#bounds[index] ?? '+Inf', ...labels },
        value: count,
        metricName: `${this.name}_bucket`,
      };
    });
    return [
      ...buckets,
      { labels, value: sum, metricName: `${this.name}_sum` },
      { labels, value: count, metricName: `${this.name}_count` },
    ];
  }
}

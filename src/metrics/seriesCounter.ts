/** A counter whose series cost an addition to count; see `seriesTable.ts`. Runs in every thread. */
import {
  type MetricReading,
  type SeriesLabels,
  type SeriesMetric,
  type SeriesMetricOptions,
  SeriesTable,
} from './seriesTable.js';

export class CounterSeries {
  readonly labels: SeriesLabels;
  value = 0;

  constructor(labels: SeriesLabels) {
    this.labels = labels;
  }

  /** What would make a counter fall or no number of it is not counted: no request may fail of being counted. */
  inc(by = 1): void {
    if (by >= 0 && by < Number.POSITIVE_INFINITY) this.value += by;
  }
}

export class SeriesCounter<Label extends string = never> implements SeriesMetric {
  readonly name: string;
  readonly help: string;
  readonly type = 'counter';
  readonly aggregator = 'sum';
  readonly #series: SeriesTable<Label, CounterSeries>;

  /** Without label names its only series is there from the start. */
  constructor({ name, help, labelNames }: SeriesMetricOptions<Label>) {
    this.name = name;
    this.help = help;
    this.#series = new SeriesTable(labelNames, (labels) => new CounterSeries(labels));
  }

  /** Shown from now on, with zero until it is counted. */
  seriesOf(labels: Readonly<Record<Label, string>>): CounterSeries {
    return this.#series.of(labels);
  }

  get(): MetricReading {
    const { name, help, type, aggregator } = this;
    const values = this.#series.all.map(({ labels, value }) => ({ labels, value }));
    return { name, help, type, aggregator, values };
  }

  reset(): void {
    for (const series of this.#series.all) series.value = 0;
  }
}

/**
 * What the metrics have in common that are counted for each request: their series are objects that whoever counts
 * looks up once and keeps, so that counting is adding to a number. prom-client's own spell out the labels for each
 * value. Runs in every thread.
 */

export type SeriesLabels = Readonly<Record<string, string>>;

/** A value as `Registry.getMetricsAsJSON()` tells it. */
export interface SeriesValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Where it is not the name of the metric. */
  readonly metricName?: string;
}

interface MetricHead {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
  /** How the values of several threads become one. */
  readonly aggregator: 'sum';
}

export interface MetricReading extends MetricHead {
  readonly values: SeriesValue[];
}

/** What a registry of prom-client asks of a metric. */
export interface SeriesMetric extends MetricHead {
  get(): MetricReading;
  /** Puts all series to zero; those that were looked up stay valid. */
  reset(): void;
}

export interface SeriesMetricOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

/** The series of one metric by their labels, in the order in which they were first looked up. */
export class SeriesTable<Label extends string, Series> {
  readonly #labelNames: readonly Label[];
  readonly #make: (labels: SeriesLabels) => Series;
  readonly #series = new Map<string, Series>();

  constructor(labelNames: readonly Label[] | undefined, make: (labels: SeriesLabels) => Series) {
    this.#labelNames = labelNames ?? [];
    this.#make = make;
    if (this.#labelNames.length === 0) this.of({} as Record<Label, string>);
  }

  get all(): Series[] {
    return [...this.#series.values()];
  }

  /** The same object for the same labels. */
  of(labels: Readonly<Record<Label, string>>): Series {
    const key = JSON.stringify(this.#labelNames.map((name) => labels[name]));
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#make(Object.fromEntries(this.#labelNames.map((name) => [name, labels[name]])));
      this.#series.set(key, series);
    }
    return series;
  }
}

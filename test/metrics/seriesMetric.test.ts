import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AggregatorRegistry, Counter, Histogram, Registry } from 'prom-client';
import { SeriesCounter } from '#src/metrics/seriesCounter.js';
import { SeriesHistogram } from '#src/metrics/seriesHistogram.js';
import { MetricsRegistry } from '#src/metrics/threadMetrics.js';
import { propertyRuns } from '#test/runs.js';

const labelNames = ['route', 'code'] as const;
type Labels = Record<(typeof labelNames)[number], string>;
interface Step {
  readonly labels: Labels;
  readonly value: number;
}
type Count = (step: Step) => void;

const counterOf = { name: 'things_total', help: 'Things\nof a \\ kind.' };
const histogramOf = { name: 'things_seconds', help: 'How long things took.' };

/** All kinds of metric, with labels and without, in a registry of prom-client's own. */
function createReference(buckets: number[]): { registry: Registry; count: Count } {
  const options = { registers: [], labelNames };
  const counter = new Counter({ ...options, ...counterOf });
  const lone = new Counter({ registers: [], name: 'lone_total', help: 'h' });
  const histogram = new Histogram({ ...options, ...histogramOf, buckets });
  const loneHistogram = new Histogram({ registers: [], name: 'lone_seconds', help: 'h', buckets });
  const registry = new Registry();
  for (const metric of [counter, lone, histogram, loneHistogram]) registry.registerMetric(metric);
  return {
    registry,
    count({ labels, value }) {
      if (value >= 0) {
        counter.inc(labels, value);
        lone.inc();
      }
      histogram.observe(labels, value);
      loneHistogram.observe(value);
    },
  };
}

/** The same with ours. */
function createOurs(buckets: number[]): { registry: MetricsRegistry; count: Count } {
  const registry = new MetricsRegistry();
  const counter = registry.add(new SeriesCounter({ ...counterOf, labelNames }));
  const lone = registry.add(new SeriesCounter({ name: 'lone_total', help: 'h' }));
  const histogram = registry.add(new SeriesHistogram({ ...histogramOf, labelNames, buckets }));
  const loneHistogram = registry.add(new SeriesHistogram({ name: 'lone_seconds', help: 'h', buckets }));
  return {
    registry,
    count({ labels, value }) {
      if (value >= 0) {
        counter.seriesOf(labels).inc(value);
        lone.seriesOf({}).inc();
      }
      histogram.seriesOf(labels).observe(value);
      loneHistogram.seriesOf({}).observe(value);
    },
  };
}

/** Without the places for exemplars, which are always empty here and have no part in the text. */
async function valuesOf(registry: Registry): Promise<unknown> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map((metric) => ({
    ...metric,
    values: metric.values.map((value) => {
      const { exemplar, ...rest } = value as typeof value & { exemplar?: null };
      assert.equal(exemplar ?? undefined, undefined);
      return rest;
    }),
  }));
}

async function aggregated(registries: readonly Registry[]): Promise<Registry> {
  const snapshots = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  return AggregatorRegistry.aggregate(snapshots as never) as unknown as Registry;
}

const label = fc.oneof(fc.constantFrom('', '/v1/models', '200', '__proto__'), fc.string({ unit: 'binary' }));
const boundaries = [0.001, 0.5, 1, 10];
const step = fc.record({
  labels: fc.record(
    { route: label, code: fc.constantFrom('200', '404', '"\\\n') },
    { noNullPrototype: true },
  ),
  value: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).filter((n) => !Object.is(n, -0)),
    fc.nat({ max: 12 }),
    fc.constantFrom(...boundaries),
  ),
});
const steps = fc.array(step, { maxLength: 30 });
const buckets = fc
  .uniqueArray(fc.oneof(fc.constantFrom(...boundaries), fc.double({ noNaN: true, min: 0, max: 100 })), {
    maxLength: 6,
  })
  .map((bounds) => bounds.sort((a, b) => a - b));

describe('metrics whose series are kept, beside those of prom-client', () => {
  it('the same values give the same numbers and the same text', async () => {
    await fc.assert(
      fc.asyncProperty(buckets, steps, async (bounds, counted) => {
        const [reference, ours] = [createReference([...bounds]), createOurs([...bounds])];
        for (const one of counted) {
          reference.count(one);
          ours.count(one);
        }
        assert.deepEqual(await valuesOf(ours.registry), await valuesOf(reference.registry));
        assert.equal(await ours.registry.metrics(), await reference.registry.metrics());
      }),
      { numRuns: propertyRuns(300) },
    );
  });

  it('two threads add up to the same', async () => {
    await fc.assert(
      fc.asyncProperty(buckets, steps, steps, async (bounds, first, second) => {
        const reference = [createReference([...bounds]), createReference([...bounds])] as const;
        const ours = [createOurs([...bounds]), createOurs([...bounds])] as const;
        for (const side of [reference, ours]) {
          for (const one of first) side[0].count(one);
          for (const one of second) side[1].count(one);
        }
        const expected = await aggregated(reference.map(({ registry }) => registry));
        const sum = await aggregated(ours.map(({ registry }) => registry));
        assert.deepEqual(await valuesOf(sum), await valuesOf(expected));
        assert.equal(await sum.metrics(), await expected.metrics());
      }),
      { numRuns: propertyRuns(200) },
    );
  });
});

describe('series that are kept', () => {
  it('are one and the same for the same labels, whatever their order', () => {
    const counter = new SeriesCounter({ ...counterOf, labelNames });
    const series = counter.seriesOf({ route: 'a', code: 'b' });
    assert.equal(counter.seriesOf({ code: 'b', route: 'a' }), series);
    for (const other of [
      { route: 'b', code: 'a' },
      { route: 'a,', code: 'b' },
      { route: 'a","b', code: '' },
    ]) {
      assert.notEqual(counter.seriesOf(other), series);
    }
    assert.deepEqual(counter.get().values[0], { labels: { route: 'a', code: 'b' }, value: 0 });
  });

  it('a counter never falls and never becomes what is no number', () => {
    const series = new SeriesCounter(counterOf).seriesOf({});
    series.inc(2.5);
    for (const by of [-1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) series.inc(by);
    series.inc();
    assert.equal(series.value, 3.5);
  });

  it('a histogram leaves out what is no finite number', () => {
    const histogram = new SeriesHistogram({ ...histogramOf, buckets: [1] });
    const series = histogram.seriesOf({});
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      series.observe(value);
    }
    series.observe(0.5);
    assert.deepEqual(
      histogram.get().values.map(({ value }) => value),
      [1, 1, 0.5, 1],
    );
  });

  it('go on from zero after a reset', async () => {
    const registry = new MetricsRegistry();
    const counted = registry.add(new SeriesCounter({ ...counterOf, labelNames }));
    const observed = registry.add(new SeriesHistogram({ ...histogramOf, buckets: [1] }));
    const labels = { route: 'a', code: 'b' };
    const [counter, histogram] = [counted.seriesOf(labels), observed.seriesOf({})];
    counter.inc(5);
    histogram.observe(5);
    registry.resetMetrics();
    counter.inc(2);
    histogram.observe(0.5);
    assert.deepEqual(counted.get().values, [{ labels, value: 2 }]);
    assert.deepEqual(
      observed.get().values.map(({ value }) => value),
      [1, 1, 0.5, 1],
    );
  });
});

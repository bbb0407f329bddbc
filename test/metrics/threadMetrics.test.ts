import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter, Gauge, Histogram, register } from 'prom-client';
import {
  cumulativeOnly,
  MetricsRegistry,
  type MetricsSnapshot,
  mergeSnapshots,
  renderMetrics,
  snapshotMetrics,
} from '#src/metrics/threadMetrics.js';

/** A thread's registry with one metric of each kind. */
function createThread(thread: string) {
  const registry = new MetricsRegistry();
  const answers = registry.add(
    new Counter({ name: 'answers_total', help: 'h', labelNames: ['endpoint'], registers: [] }),
  );
  const durations = registry.add(
    new Histogram({ name: 'duration_seconds', help: 'h', buckets: [0.1, 1], registers: [] }),
  );
  const delay = registry.add(
    new Gauge({ name: 'delay_seconds', help: 'h', labelNames: ['thread'], registers: [] }),
  );
  delay.set({ thread }, 0.25);
  return { answers, durations, snapshot: () => snapshotMetrics(registry) };
}

/** Over a port, as snapshots travel. */
const sent = (snapshot: MetricsSnapshot): MetricsSnapshot => structuredClone(snapshot);

/** The lines of a metric, without comments. */
async function linesOf(snapshots: readonly MetricsSnapshot[], name: string): Promise<string[]> {
  const text = await renderMetrics(snapshots);
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .sort();
}

describe('metrics of several threads', () => {
  it('counters add up by label', async () => {
    const [one, two] = [createThread('front-0'), createThread('front-1')];
    one.answers.inc({ endpoint: '/v1/models' }, 2);
    two.answers.inc({ endpoint: '/v1/models' }, 3);
    two.answers.inc({ endpoint: '/health' });
    assert.deepEqual(
      await linesOf([sent(await one.snapshot()), sent(await two.snapshot())], 'answers_total'),
      ['answers_total{endpoint="/health"} 1', 'answers_total{endpoint="/v1/models"} 5'],
    );
  });

  it('histograms add up by bucket', async () => {
    const [one, two] = [createThread('front-0'), createThread('front-1')];
    one.durations.observe(0.05);
    two.durations.observe(0.05);
    two.durations.observe(0.5);
    two.durations.observe(5);
    assert.deepEqual(await linesOf([await one.snapshot(), await two.snapshot()], 'duration_seconds'), [
      'duration_seconds_bucket{le="+Inf"} 4',
      'duration_seconds_bucket{le="0.1"} 2',
      'duration_seconds_bucket{le="1"} 3',
      'duration_seconds_count 4',
      'duration_seconds_sum 5.6',
    ]);
  });

  it('gauges of different threads stand side by side', async () => {
    const snapshots = [await createThread('front-0').snapshot(), await createThread('front-1').snapshot()];
    assert.deepEqual(await linesOf(snapshots, 'delay_seconds'), [
      'delay_seconds{thread="front-0"} 0.25',
      'delay_seconds{thread="front-1"} 0.25',
    ]);
  });

  it('what threads that ended had counted is kept and never falls, their gauges are gone', async () => {
    let departed: MetricsSnapshot = [];
    for (let generation = 1; generation <= 3; generation++) {
      const thread = createThread('front-0');
      thread.answers.inc({ endpoint: '/health' }, generation);
      thread.durations.observe(0.5);
      departed = await mergeSnapshots([departed, cumulativeOnly(sent(await thread.snapshot()))]);
    }
    const alive = createThread('front-0');
    alive.answers.inc({ endpoint: '/health' });
    const snapshots = [departed, await alive.snapshot()];
    assert.deepEqual(await linesOf(snapshots, 'answers_total'), ['answers_total{endpoint="/health"} 7']);
    assert.deepEqual(await linesOf(snapshots, 'duration_seconds_count'), ['duration_seconds_count 3']);
    assert.deepEqual(await linesOf(snapshots, 'delay_seconds'), ['delay_seconds{thread="front-0"} 0.25']);
    assert.deepEqual(await linesOf([departed], 'delay_seconds'), []);
  });

  it('each metric is explained once, with its type', async () => {
    const text = await renderMetrics([
      await createThread('a').snapshot(),
      await createThread('b').snapshot(),
    ]);
    assert.equal(text.match(/^# TYPE answers_total counter$/gm)?.length, 1);
    assert.equal(text.match(/^# TYPE duration_seconds histogram$/gm)?.length, 1);
    assert.equal(text.match(/^# TYPE delay_seconds gauge$/gm)?.length, 1);
  });

  it('no thread at all renders as nothing', async () => {
    assert.equal((await renderMetrics([])).trim(), '');
    assert.deepEqual(await mergeSnapshots([]), []);
  });

  it('nothing lands in the registry that all libraries of a process share', async () => {
    createThread('front-0').answers.inc({ endpoint: '/health' });
    assert.equal(register.getSingleMetric('answers_total'), undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter, Gauge } from 'prom-client';
import {
  MetricsRegistry,
  type MetricsSnapshot,
  renderMetrics,
  snapshotMetrics,
} from '#src/metrics/threadMetrics.js';
import { ThreadNumbers } from '#src/metrics/threadNumbers.js';

/** What a thread says that has counted so far. */
async function counted(count: number): Promise<MetricsSnapshot> {
  const registry = new MetricsRegistry();
  registry.add(new Counter({ name: 'c_total', help: 'c', registers: [] })).inc(count);
  registry.add(new Gauge({ name: 'g', help: 'g', registers: [] })).set(1);
  return snapshotMetrics(registry);
}

async function read(numbers: ThreadNumbers, name: string): Promise<number | undefined> {
  const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(await renderMetrics(numbers.snapshots))?.[1];
  return value === undefined ? undefined : Number(value);
}

describe('the numbers of threads', () => {
  it('add up what all threads said last', async () => {
    const numbers = new ThreadNumbers();
    numbers.expect('a')(await counted(2));
    numbers.expect('b')(await counted(3));
    numbers.expect('a')(await counted(4));
    assert.equal(await read(numbers, 'c_total'), 7);
    assert.equal(await read(numbers, 'g'), 2);
  });

  it('keep the counters of a thread that does not answer, not its gauges', async () => {
    const numbers = new ThreadNumbers();
    numbers.expect('a')(await counted(2));
    numbers.expect('b')(await counted(3));
    numbers.forgetGauges();
    numbers.expect('b')(await counted(3));
    assert.equal(await read(numbers, 'c_total'), 5);
    assert.equal(await read(numbers, 'g'), 1);
  });

  it('count a thread once that answers a scrape after its last words', async () => {
    const numbers = new ThreadNumbers();
    numbers.expect('a')(await counted(2));
    numbers.leave('a', await counted(5));
    numbers.expect('a')(await counted(5));
    assert.equal(await read(numbers, 'c_total'), 5);
    numbers.end('a');
    numbers.expect('a')(await counted(1));
    assert.equal(await read(numbers, 'c_total'), 6);
  });

  it('count a thread once whose answer is read only after it was counted off', async () => {
    const numbers = new ThreadNumbers();
    const takeFromDying = numbers.expect('a');
    numbers.leave('a', await counted(5));
    numbers.end('a');
    takeFromDying(await counted(5));
    assert.equal(await read(numbers, 'c_total'), 5);
  });

  it('keep what a thread said last when it ends without last words', async () => {
    const numbers = new ThreadNumbers();
    numbers.expect('a')(await counted(2));
    numbers.end('a');
    numbers.end('a');
    assert.equal(await read(numbers, 'c_total'), 2);
  });

  it('lose nothing when two threads end in the same moment', async () => {
    const numbers = new ThreadNumbers();
    const five = await counted(5);
    for (let index = 0; index < 50; index++) {
      numbers.leave(`t${index}`, five);
      numbers.end(`t${index}`);
      if (index % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await read(numbers, 'c_total'), 5 * (index + 1));
    }
    assert.ok(numbers.snapshots.length < 50, 'merged meanwhile');
  });
});

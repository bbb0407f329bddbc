import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type ComputePool, createComputePool } from '#src/compute/computePool.js';
import { NodeError } from '#src/errors/nodeError.js';

const key = new Uint8Array(32);
/** About a second of work, the first time somewhat more. */
const slowBand = { size: 4_096, keyA: key, keyB: key, firstRow: 0, rows: 1_024 };
const quickBand = { size: 3, keyA: key, keyB: key, firstRow: 0, rows: 3 };

const failsWith =
  (reason: RegExp) =>
  (error: unknown): boolean =>
    error instanceof NodeError &&
    error.code === 'compute_failed' &&
    reason.test(String(error.meta['reason']));

describe('the compute pool', () => {
  const pools: ComputePool[] = [];
  const openPool = (maxQueued = 10): ComputePool => {
    const pool = createComputePool({ threads: 1, maxQueued, deadlineMs: 60_000 });
    pools.push(pool);
    return pool;
  };
  after(() => Promise.all(pools.map((pool) => pool.close())));

  it('says how many tasks can run at once', () => {
    assert.equal(openPool().threads, 1);
    assert.ok(createComputePool({ threads: 'auto', maxQueued: 1, deadlineMs: 1 }).threads >= 1);
  });

  it('ends the thread of a task that passes its deadline, and works on', async () => {
    const pool = openPool();
    const late = pool.run('proofBand', slowBand, { deadlineMs: 50 });
    await assert.rejects(late, failsWith(/not done within 50 ms/));
    assert.equal((await pool.run('proofBand', quickBand)).isDone, true);
  });

  it('takes a waiting task out of the queue when its signal aborts', async () => {
    const pool = openPool();
    const first = pool.run('proofBand', slowBand);
    const controller = new AbortController();
    const waiting = pool.run('proofBand', quickBand, { signal: controller.signal });
    const reason = new Error('the caller left');
    const rejected = assert.rejects(waiting, (error) => error === reason);
    controller.abort(reason);
    await rejected;
    assert.equal((await first).isDone, true);
  });

  it('does not begin a task whose signal has aborted', async () => {
    const reason = new Error('too late');
    await assert.rejects(
      openPool().run('proofBand', quickBand, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
  });

  it('refuses a task when the queue is full', async () => {
    const pool = openPool(1);
    await pool.run('proofBand', quickBand);
    const tasks = [slowBand, quickBand, quickBand].map((band) => pool.run('proofBand', band));
    const ended = await Promise.allSettled(tasks);
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected'],
    );
    assert.ok(failsWith(/queue is full/)((ended[2] as PromiseRejectedResult).reason));
  });

  it('says why a task failed', async () => {
    const pool = openPool();
    await assert.rejects(
      pool.run('proofBand', { ...quickBand, keyB: new Uint8Array(5) }),
      failsWith(/key length/i),
    );
    await assert.rejects(pool.run('proofBand', { ...quickBand, size: 200_000 }), failsWith(/WASM memory/));
    assert.equal((await pool.run('proofBand', quickBand)).isDone, true);
  });
});

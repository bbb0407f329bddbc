import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { createComputePool } from '#src/compute/computePool.js';
import { createCpuEngine } from '#src/compute/cpuEngine.js';
import { openRows } from '#src/compute/openRows.js';
import { NodeError } from '#src/errors/nodeError.js';
import { rowLeaf } from '#src/proof/rowTree.js';
import { propertyRuns } from '#test/runs.js';
import { plainProofRound } from './plainProduct.js';

describe('opening rows of a proof round', () => {
  const pool = createComputePool({ threads: 2, maxQueued: 100, deadlineMs: 60_000 });
  after(() => pool.close());
  const keyA = new Uint8Array(32).fill(3);
  const keyB = new Uint8Array(32).fill(4);
  const signal = new AbortController().signal;

  async function assertRows(size: number, indices: readonly number[]): Promise<void> {
    const rows = await openRows(pool, { size, keyA, keyB, indices }, signal);
    const { cells } = plainProofRound(size, keyA, keyB);
    const expected = indices.flatMap((index) => [...cells.subarray(index * size, (index + 1) * size)]);
    assert.deepEqual([...rows], expected);
  }

  it('finds the rows of the product, in the order asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (size, picks) =>
          assertRows(
            size,
            picks.map((pick) => pick % size),
          ),
      ),
      { numRuns: propertyRuns(200) },
    );
  });

  it('puts together what the tasks found of more than one stretch of k and more than one group of rows', async () => {
    // Two stretches for two threads; 256, 256 and 88 rows.
    const size = 1_202;
    const indices = Array.from({ length: 600 }, (_, i) => (i * 7) % size);
    const rows = await openRows(pool, { size, keyA, keyB, indices }, signal);
    const { leaves } = await createCpuEngine(pool).proofRound({ size, keyA, keyB }, signal);
    for (const [at, index] of indices.entries()) {
      // A copy: hashes take no shared memory.
      const row = new Uint8Array(rows.slice(at * size, (at + 1) * size).buffer);
      assert.deepEqual(rowLeaf(index, row), Buffer.from(leaves.subarray(index * 32, (index + 1) * 32)));
    }
  });

  it('refuses what is no row', async () => {
    for (const index of [-1, 5, 0.5]) {
      await assert.rejects(
        openRows(pool, { size: 5, keyA, keyB, indices: [index] }, signal),
        (error) => error instanceof NodeError && error.code === 'compute_failed',
      );
    }
  });

  it('rejects with the reason of a signal that aborts', async () => {
    const reason = new Error('the caller left');
    const controller = new AbortController();
    const opened = openRows(pool, { size: 2_000, keyA, keyB, indices: [1] }, controller.signal);
    const rejected = assert.rejects(opened, (error) => error === reason);
    controller.abort(reason);
    await rejected;
    await assertRows(9, [8]);
  });
});

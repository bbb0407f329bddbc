/** Bodies of challenges: what of a large one comes back from the compute thread. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { largeBodyBytes, readLargeChallenge } from '#src/challenge/readChallenge.js';
import { isPackedMatrix } from '#src/compute/packedMatrix.js';
import { NodeError } from '#src/errors/nodeError.js';

const read = (payload: unknown) =>
  readLargeChallenge(Buffer.from(JSON.stringify({ type: 'MATRIX_MULTIPLICATION', payload })), 1_024);

describe('a large body', () => {
  it('of hundreds of thousands of members brings back those that a multiplication has (they held main up for seconds)', () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i]));
    const { payload } = read({ ...many, size: 3, rounds: null, backend: 'cpu' });
    assert.deepEqual(payload, { size: 3, rounds: null, backend: 'cpu' });
  });

  it('with an endless text brings back its beginning, which is as wrong', () => {
    const { payload } = read({ size: 3, seed: 'a'.repeat(largeBodyBytes) });
    const { seed } = payload as { seed: string };
    assert.ok(seed.length > 64 && seed.length < 1_024, `${seed.length}`);
  });

  it('keeps what is wrong wrong: a list where a number belongs', () => {
    assert.deepEqual(read({ size: Array(50_000).fill(1) }).payload, { size: [] });
  });

  it('with a size has no matrices, as a small body has none, whatever stands there', () => {
    assert.deepEqual(read({ size: 3, A: 'x'.repeat(largeBodyBytes) }).payload, { size: 3 });
  });

  it('brings matrices back packed, and refuses what is none', () => {
    const { payload } = read({ size: 0, A: Array(200).fill(Array(200).fill(0.5)), B: null });
    const { A, ...rest } = payload as { A: unknown };
    assert.deepEqual(rest, { size: 0 });
    assert.ok(isPackedMatrix(A));
    assert.deepEqual([A.rows, A.columns, A.values[39_999]], [200, 200, 0.5]);
    assert.throws(
      () => read({ A: [[1], [2, 3]] }),
      (thrown) => thrown instanceof NodeError && thrown.code === 'invalid_payload',
    );
  });
});

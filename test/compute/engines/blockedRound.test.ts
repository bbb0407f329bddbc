import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Block, blockedRound, blockInner } from '#src/compute/engines/blockedRound.js';
import { maxExactSize } from '#src/proof/protocol.js';
import { propertyRuns } from '#test/runs.js';
import { plainProofRound } from '../plainProduct.js';

/** In float32, as a library does it. */
async function multiplySingle({ rows, inner, columns, a, b }: Block): Promise<Float32Array[]> {
  return Array.from({ length: rows }, (_, row) => {
    const cells = new Float32Array(columns);
    for (let k = 0; k < inner; k++) {
      const factor = a[row * inner + k]!;
      for (let j = 0; j < columns; j++) cells[j] = cells[j]! + factor * b[k * columns + j]!;
    }
    return cells;
  });
}

interface Cut {
  readonly bandRows: number;
  readonly inner: number;
}

const round = (size: number, { bandRows, inner }: Cut, signal = new AbortController().signal) => {
  const request = { size, keyA: randomBytes(32), keyB: randomBytes(32) };
  const result = blockedRound({
    request,
    signal,
    bandRows,
    inner,
    multiply: multiplySingle,
    untold: ['transfer'],
  });
  return { request, result };
};

describe('a proof round in blocks of float32', () => {
  it('has blocks whose sums float32 holds exactly, and which cover everything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: maxExactSize }), (size) => {
        const inner = blockInner(size);
        assert.ok(127 * 127 * inner < 2 ** 24);
        assert.ok(inner * Math.ceil(size / inner) >= size);
      }),
    );
  });

  it('is the same for any size, band and block', async () => {
    const side = fc.integer({ min: 1, max: 80 });
    await fc.assert(
      fc.asyncProperty(side, side, side, async (size, bandRows, inner) => {
        const { request, result } = round(size, { bandRows, inner });
        const { leaves, samples } = await result;
        const plain = plainProofRound(size, request.keyA, request.keyB);
        const middle = size >>> 1;
        assert.deepEqual(Buffer.from(leaves), Buffer.from(plain.leaves));
        assert.deepEqual([...samples], [plain.cells[0], plain.cells[middle * size + middle]]);
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  it('ends between two bands when it is aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('the caller left');
    const { result } = round(200, { bandRows: 1, inner: 200 }, controller.signal);
    controller.abort(reason);
    await assert.rejects(result, (error) => error === reason);
  });

  it('does not tell what it does not know', async () => {
    const { timings } = await round(9, { bandRows: 4, inner: 3 }).result;
    assert.equal(timings.transferMs, null);
    assert.ok(timings.generateMs! >= 0 && timings.multiplyMs! >= 0 && timings.hashMs! >= 0);
  });
});

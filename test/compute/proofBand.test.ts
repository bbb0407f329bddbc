import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ProofBandResult, proveBand } from '#src/compute/proofBand.js';
import { inputValues } from '#src/proof/keystream.js';
import { rowLeaf } from '#src/proof/rowTree.js';
import { plainProofRound } from './plainProduct.js';

const keyA = new Uint8Array(32).fill(1);
const keyB = new Uint8Array(32).fill(2);

function leavesOf(result: ProofBandResult): Buffer {
  assert.ok(result.isDone);
  return Buffer.from(result.leaves);
}

describe('a band of a proof round', () => {
  it('is the same rows whatever was multiplied before', () => {
    const plain = new Map([70, 71].map((size) => [size, plainProofRound(size, keyA, keyB)]));
    for (const [size, firstRow, rows] of [
      [70, 0, 70],
      [70, 13, 5],
      [71, 68, 3],
      [70, 69, 1],
      [71, 0, 71],
    ] as const) {
      const leaves = leavesOf(proveBand({ size, keyA, keyB, firstRow, rows }));
      const expected = plain.get(size)!.leaves.subarray(firstRow * 32, (firstRow + rows) * 32);
      assert.deepEqual(leaves, Buffer.from(expected), `rows from ${firstRow} of ${size}`);
    }
  });

  it('does not take one key of B for another', () => {
    const size = 40;
    for (const other of [keyB, keyA, keyB]) {
      const leaves = leavesOf(proveBand({ size, keyA, keyB: other, firstRow: 0, rows: size }));
      assert.deepEqual(leaves, Buffer.from(plainProofRound(size, keyA, other).leaves));
    }
  });

  it('packs a large B in several goes', () => {
    const size = 10_300;
    const band = { size, keyA, keyB, firstRow: size - 1, rows: 1 };
    const results = [proveBand(band), proveBand(band)];
    assert.deepEqual(
      results.map(({ isDone }) => isDone),
      [false, true],
    );
    const a = inputValues(keyA, (size - 1) * size, size);
    const row = new Int32Array(size);
    for (let k = 0; k < size; k++) {
      const b = inputValues(keyB, k * size, size);
      for (let j = 0; j < size; j++) row[j] = row[j]! + a[k]! * b[j]!;
    }
    assert.deepEqual(leavesOf(results[1]!), rowLeaf(size - 1, new Uint8Array(row.buffer)));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { firstPreviousRoot, roundKeys } from '#src/proof/inputKeys.js';
import { inputValues } from '#src/proof/keystream.js';
import { openedRowIndices } from '#src/proof/openedRows.js';
import { buildRowTree, rootOfPath, rowLeaf, treePath, treeRoot } from '#src/proof/rowTree.js';
import { goldenAddress, goldenChainId, goldenRoots } from './golden.js';

/** The product as the definition has it, with nothing but plain loops. */
function leavesOf(size: number, keyA: Uint8Array, keyB: Uint8Array): Uint8Array {
  const a = inputValues(keyA, 0, size * size);
  const b = inputValues(keyB, 0, size * size);
  const leaves = new Uint8Array(size * 32);
  for (let i = 0; i < size; i++) {
    const row = new Int32Array(size);
    for (let k = 0; k < size; k++) {
      for (let j = 0; j < size; j++) row[j] = row[j]! + a[i * size + k]! * b[k * size + j]!;
    }
    leaves.set(rowLeaf(i, new Uint8Array(row.buffer)), i * 32);
  }
  return leaves;
}

/** What this process holds for JavaScript after a collection. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('fxn-matmul-1', () => {
  for (const { seedByte, size, roots } of goldenRoots) {
    it(`has the known roots of size ${size}`, () => {
      let previousRoot = firstPreviousRoot;
      roots.forEach((expected, round) => {
        const seed = new Uint8Array(32).fill(seedByte);
        const keys = roundKeys({ seed, address: goldenAddress, chainId: goldenChainId, round, previousRoot });
        previousRoot = treeRoot(leavesOf(size, keys.a, keys.b));
        assert.equal(`0x${Buffer.from(previousRoot).toString('hex')}`, expected);
      });
    });
  }

  it('the stream read from anywhere is the same stream', () => {
    const key = new Uint8Array(32).fill(7);
    const whole = inputValues(key, 0, 4_096);
    fc.assert(
      fc.property(fc.nat(4_000), fc.nat(96), (offset, length) => {
        assert.deepEqual(inputValues(key, offset, length), whole.subarray(offset, offset + length));
      }),
    );
  });

  it('a tree that is kept for its paths weighs a few times its leaves, not an object a node', () => {
    const size = 1_024;
    const kept = 100;
    const before = heldBytes();
    const trees = Array.from({ length: kept }, () => buildRowTree(new Uint8Array(size * 32)));
    const each = (heldBytes() - before) / kept;
    assert.ok(each < 3 * size * 32, `${each} bytes for ${size} leaves`);
    assert.equal(trees[kept - 1]!.path(size - 1).length, 10);
  });

  it('a path leads from each leaf to the root, and from no other place or leaf', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (size, pick) => {
        const leaves = new Uint8Array(size * 32);
        for (let i = 0; i < size; i++) leaves.set(rowLeaf(i, new Uint8Array(4)), i * 32);
        const index = pick % size;
        const leaf = leaves.subarray(index * 32, index * 32 + 32);
        const path = treePath(leaves, index);
        const root = treeRoot(leaves);
        assert.deepEqual(rootOfPath(leaf, index, size, path), root);
        assert.equal(rootOfPath(leaf, index, size, [...path, leaf]), undefined);
        if (path.length > 0) assert.equal(rootOfPath(leaf, index, size, path.slice(1)), undefined);
        for (let other = 0; other < size; other++) {
          if (other !== index) assert.notDeepEqual(rootOfPath(leaf, other, size, path), root);
        }
      }),
    );
  });

  it('opens distinct rows inside the matrix, all of them when more are asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 1_024 }), (size, rows) => {
        const draw = { roots: [new Uint8Array(32)], nonce: new Uint8Array(32).fill(size), rows, size };
        const indices = openedRowIndices(draw);
        assert.equal(indices.length, Math.min(rows, size));
        assert.equal(new Set(indices).size, indices.length);
        assert.ok(indices.every((index) => Number.isInteger(index) && index >= 0 && index < size));
      }),
    );
  });
});

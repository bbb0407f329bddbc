import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { hashCells } from '#src/compute/productRoot.js';
import { goText } from './goText.js';

const halt = (value: number): Int32Array => new Int32Array(new SharedArrayBuffer(4)).fill(value);

describe('the root of a product', () => {
  it('is the hash of all its cells, over more than one piece', () => {
    const cells = Float64Array.from({ length: 150_000 }, (_, i) => ((i * 7_919) % 4_001) / 128 - 15);
    const expected = createHash('sha256').update(Array.from(cells, goText).join('')).digest();
    assert.deepEqual(hashCells({ cells, halt: halt(0) }), { root: expected });
  });

  it('fits the longest numbers into its pieces', () => {
    const cells = new Float64Array(7_000).fill(-Number.MAX_VALUE);
    const expected = createHash('sha256').update(goText(-Number.MAX_VALUE).repeat(7_000)).digest();
    assert.deepEqual(hashCells({ cells, halt: halt(0) }), { root: expected });
  });

  it('is not found when somebody asks to stop, nor when a cell is no number', () => {
    const cells = new Float64Array(200_000);
    assert.deepEqual(hashCells({ cells, halt: halt(1) }), { failure: 'halted' });
    cells[199_999] = Number.NaN;
    assert.deepEqual(hashCells({ cells, halt: halt(0) }), { failure: 'overflow' });
  });
});

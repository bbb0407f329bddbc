import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { drawMatrix, fillDrawnRows } from '#src/compute/drawMatrix.js';

const key = new Uint8Array(32).fill(5);
const draw = (which: 'A' | 'B', size: number, firstRow = 0, rows = size) =>
  drawMatrix({ key, which, size, firstRow, rows });

describe('drawn matrices', () => {
  it('are the same from whatever row they are drawn', () => {
    const size = 300;
    const whole = { A: draw('A', size), B: draw('B', size) };
    fc.assert(
      fc.property(
        fc.constantFrom('A' as const, 'B' as const),
        fc.nat(size - 1),
        fc.nat(size - 1),
        (which, one, other) => {
          const [first, last] = [Math.min(one, other), Math.max(one, other)];
          const rows = draw(which, size, first, last - first + 1);
          assert.deepEqual(rows, whole[which].subarray(first * size, (last + 1) * size));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('hold values in [0, 1) that are spread over all of it', () => {
    const values = draw('A', 100);
    assert.ok(values.every((value) => value >= 0 && value < 1));
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    // Ten standard deviations.
    assert.ok(Math.abs(mean - 0.5) < 0.03, `the mean is ${mean}`);
    assert.ok(new Set(values).size > 9_900);
  });

  it('differ between A and B and between keys', () => {
    assert.notDeepEqual(draw('A', 4), draw('B', 4));
    const other = { key: new Uint8Array(32).fill(6), which: 'A', size: 4, firstRow: 0, rows: 4 } as const;
    assert.notDeepEqual(draw('A', 4), drawMatrix(other));
  });

  it('are the same numbers in float32 and in float64', () => {
    const rows = { key, which: 'B', size: 30, firstRow: 0, rows: 30 } as const;
    const doubles = new Float64Array(900);
    fillDrawnRows(rows, doubles);
    assert.deepEqual([...drawMatrix(rows)], [...doubles]);
  });
});

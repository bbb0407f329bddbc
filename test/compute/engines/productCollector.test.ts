import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ProductCollector } from '#src/compute/engines/productCollector.js';
import { maxRowsInAnswer } from '#src/compute/matrixEngine.js';
import { propertyRuns } from '#test/runs.js';
import { goText } from '../goText.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('the collector of a product', () => {
  it('finds root, samples and cells, however the product is cut', () => {
    const shape = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
    const product = shape.chain(([rows, columns]) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        cells: fc.array(finite, { minLength: rows * columns, maxLength: rows * columns }),
        cut: fc.nat(rows * columns),
      }),
    );
    fc.assert(
      fc.property(product, ({ rows, columns, cells, cut }) => {
        const collector = new ProductCollector(rows, columns);
        for (const part of [cells.slice(0, cut), cells.slice(cut)]) {
          if (part.length > 0) collector.add(Float64Array.from(part));
        }
        const { root, samples, cells: kept } = collector.result();
        const text = cells.map(goText).join('');
        assert.deepEqual(Buffer.from(root), createHash('sha256').update(text).digest());
        assert.deepEqual([...samples], [cells[0], cells[(rows >>> 1) * columns + (columns >>> 1)]]);
        assert.deepEqual(kept, Float64Array.from(cells));
      }),
      { numRuns: propertyRuns(500) },
    );
  });

  it('hashes more text than its buffer holds', () => {
    const columns = 200_000;
    const cells = new Float64Array(columns).fill(123.456);
    const collector = new ProductCollector(1, columns);
    collector.add(cells);
    const text = '123.456000'.repeat(columns);
    assert.deepEqual(Buffer.from(collector.result().root), createHash('sha256').update(text).digest());
  });

  it('keeps no cells of a product with many rows', () => {
    const collector = new ProductCollector(maxRowsInAnswer + 1, 1);
    collector.add(new Float64Array(maxRowsInAnswer + 1));
    assert.equal(collector.result().cells, undefined);
  });

  it('says so when a cell is no finite number', () => {
    for (const cell of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new ProductCollector(1, 1).add(Float64Array.of(cell)), { code: 'invalid_payload' });
    }
  });

  it('does not blame matrices for what float32 has no room for', () => {
    const tooLarge = Float32Array.of(1e39);
    assert.throws(() => new ProductCollector(1, 1).add(tooLarge), { code: 'compute_failed' });
  });
});

/** The rows of a product's inputs, given or drawn, in the precision of an engine. Runs in the GPU host. */
import { fillDrawnRows } from '../drawMatrix.js';
import { engineFailure } from '../engineFailure.js';
import type { ProductRequest } from '../matrixEngine.js';

export interface MatrixRows {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** Fills `target` with whole rows of A or B, from `firstRow` on. */
  fill(which: 'A' | 'B', firstRow: number, target: Float32Array | Float64Array): void;
}

export function openMatrixRows(request: ProductRequest): MatrixRows {
  if (request.kind === 'drawn') {
    const { size, key } = request;
    requireCounts(size);
    requireKeys(key);
    return {
      rows: size,
      inner: size,
      columns: size,
      fill(which, firstRow, target) {
        fillDrawnRows({ key, which, size, firstRow, rows: target.length / size }, target);
      },
    };
  }
  const { rows, inner, columns, a, b } = request;
  requireCounts(rows, inner, columns);
  if (a.length !== rows * inner || b.length !== inner * columns) {
    throw engineFailure(`${a.length} and ${b.length} values are no ${rows}×${inner} and ${inner}×${columns}`);
  }
  return {
    rows,
    inner,
    columns,
    fill(which, firstRow, target) {
      const [values, width] = which === 'A' ? [a, inner] : [b, columns];
      target.set(values.subarray(firstRow * width, firstRow * width + target.length));
    },
  };
}

export function requireCounts(...counts: readonly number[]): void {
  for (const count of counts) {
    if (!(Number.isInteger(count) && count >= 1)) throw engineFailure(`no size of ${count}`);
  }
}

export function requireKeys(...keys: readonly Uint8Array[]): void {
  for (const key of keys) {
    if (key.length !== 32) throw engineFailure(`a key of ${key.length} bytes`);
  }
}

/** The rows of a product's inputs, given or drawn, in the precision of an engine. Runs in the GPU host. */
import { fillDrawnRows } from '../drawMatrix.js';
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

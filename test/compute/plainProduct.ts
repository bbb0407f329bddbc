/** Products as their definitions have them, with nothing but plain loops: what engines are compared with. */
import { inputValues } from '#src/proof/keystream.js';
import { rowLeaf } from '#src/proof/rowTree.js';

export interface PlainProofRound {
  /** Rows of int32, one behind the other. */
  readonly cells: Int32Array;
  readonly leaves: Uint8Array;
}

export function plainProofRound(size: number, keyA: Uint8Array, keyB: Uint8Array): PlainProofRound {
  const a = inputValues(keyA, 0, size * size);
  const b = inputValues(keyB, 0, size * size);
  const cells = plainInt8Product(size, a, b);
  const leaves = new Uint8Array(size * 32);
  for (let i = 0; i < size; i++) {
    leaves.set(rowLeaf(i, new Uint8Array(cells.buffer, i * size * 4, size * 4)), i * 32);
  }
  return { cells, leaves };
}

export function plainInt8Product(size: number, a: Int8Array, b: Int8Array): Int32Array {
  const cells = new Int32Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = cells.subarray(i * size, (i + 1) * size);
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k]!;
      for (let j = 0; j < size; j++) row[j] = row[j]! + factor * b[k * size + j]!;
    }
  }
  return cells;
}

export interface PlainMatrices {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
}

/** In float64, k ascending. */
export function plainProduct({ rows, inner, columns, a, b }: PlainMatrices): Float64Array {
  const cells = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[i * inner + k]!;
      for (let j = 0; j < columns; j++) {
        cells[i * columns + j] = cells[i * columns + j]! + factor * b[k * columns + j]!;
      }
    }
  }
  return cells;
}

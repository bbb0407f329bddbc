/**
 * Takes in the cells of a product band by band, in order, and keeps what an answer needs: the root over their text,
 * two samples, and the cells of a small product. So the product itself need never exist as a whole, and the host can
 * hear an abort between two bands. Runs in the GPU host.
 */
import { createHash } from 'node:crypto';
import { engineFailure } from '../engineFailure.js';
import { maxFixed6Bytes, overflow, writeGoFixed6 } from '../goFixed6.js';
import { maxRowsInAnswer, type ProductResult } from '../matrixEngine.js';

const pieceBytes = 1_048_576;

/** Cells of which printing and hashing takes about 20 ms. */
export const cellsAtOnce = 1_048_576;

export class ProductCollector {
  readonly #hash = createHash('sha256');
  readonly #piece = Buffer.allocUnsafe(pieceBytes);
  readonly #middle: number;
  readonly #samples: [number, number] = [0, 0];
  readonly #cells: Float64Array | undefined;
  #added = 0;

  constructor(rows: number, columns: number) {
    this.#middle = (rows >>> 1) * columns + (columns >>> 1);
    this.#cells = rows <= maxRowsInAnswer ? new Float64Array(rows * columns) : undefined;
  }

  /**
   * @throws NodeError where a cell is no finite number: `invalid_payload`, or `compute_failed` in float32, where
   * another engine may have room for it
   */
  add(cells: Float32Array | Float64Array): void {
    const piece = this.#piece;
    let used = 0;
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!;
      if (!Number.isFinite(cell)) {
        throw cells instanceof Float32Array ? engineFailure('the product overflows float32') : overflow();
      }
      used = writeGoFixed6(cell, piece, used);
      if (used > pieceBytes - maxFixed6Bytes) {
        this.#hash.update(piece.subarray(0, used));
        used = 0;
      }
    }
    this.#hash.update(piece.subarray(0, used));
    this.#cells?.set(cells, this.#added);
    if (this.#added === 0) this.#samples[0] = cells[0]!;
    const middle = this.#middle - this.#added;
    if (middle >= 0 && middle < cells.length) this.#samples[1] = cells[middle]!;
    this.#added += cells.length;
  }

  result(): Omit<ProductResult, 'timings'> {
    return { root: this.#hash.digest(), samples: this.#samples, cells: this.#cells };
  }
}

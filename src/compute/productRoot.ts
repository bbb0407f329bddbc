/**
 * The root of the legacy mode: SHA-256 over all cells as Go prints them. Runs in a compute thread as one task, since
 * a hash cannot be carried on in another thread; it looks at a flag after each piece.
 */
import { createHash } from 'node:crypto';
import { maxFixed6Bytes, writeGoFixed6 } from './goFixed6.js';

export interface CellsToHash {
  readonly cells: Float64Array;
  /** One word over shared memory; not 0 asks the task to end. */
  readonly halt: Int32Array;
}

/** The root, or why there is none. */
export type ProductRootResult = { readonly root: Uint8Array } | { readonly failure: 'overflow' | 'halted' };

/** About 5 ms of work. */
const pieceBytes = 1_048_576;

export function hashCells({ cells, halt }: CellsToHash): ProductRootResult {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  let used = 0;
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    // Errors lose their code between threads.
    if (!Number.isFinite(cell)) return { failure: 'overflow' };
    used = writeGoFixed6(cell, piece, used);
    if (used > pieceBytes - maxFixed6Bytes) {
      if (Atomics.load(halt, 0) !== 0) return { failure: 'halted' };
      hash.update(piece.subarray(0, used));
      used = 0;
    }
  }
  return { root: hash.update(piece.subarray(0, used)).digest() };
}

/**
 * The random matrices of the legacy mode, drawn from a key: every engine that is given the key multiplies the same
 * ones, and each thread can draw the rows it needs. Values are multiples of 2^-24 in [0, 1), exact in float32 too.
 * Runs wherever an engine does.
 */
import { fillKeystream } from '../proof/keystream.js';

export interface DrawnRows {
  /** 32 bytes. Of its ChaCha20 stream, the first size² words are A and the next size² words are B. */
  readonly key: Uint8Array;
  readonly which: 'A' | 'B';
  readonly size: number;
  readonly firstRow: number;
  readonly rows: number;
}

const pieceValues = 65_536;

export function drawMatrix(drawn: DrawnRows): Float32Array {
  const values = new Float32Array(drawn.rows * drawn.size);
  fillDrawnRows(drawn, values);
  return values;
}

/** @param target gets the rows, one behind the other; may lie over shared memory */
export function fillDrawnRows(
  { key, which, size, firstRow, rows }: DrawnRows,
  target: Float32Array | Float64Array,
): undefined {
  const firstWord = (which === 'A' ? 0 : size * size) + firstRow * size;
  const words = new Uint32Array(Math.min(pieceValues, rows * size));
  for (let done = 0; done < rows * size; done += pieceValues) {
    const piece = words.subarray(0, rows * size - done);
    fillKeystream(key, (firstWord + done) * 4, new Uint8Array(piece.buffer, 0, piece.byteLength));
    for (let i = 0; i < piece.length; i++) target[done + i] = (piece[i]! >>> 8) * 2 ** -24;
  }
}

/**
 * A share of the rows that an opening shows: their product over a stretch of k, added to what other shares added.
 * So an opening of few rows splits over all threads, and none holds more of B than a block. Runs in the compute
 * threads.
 */
import { blockLength, type Int8Kernel, openInt8Kernel } from './int8Kernel.js';
import { keepWhileUsed } from './keepWhileUsed.js';

export interface OpenedBand {
  readonly size: number;
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  readonly indices: readonly number[];
  readonly firstK: number;
  /** How much of k. */
  readonly inner: number;
  /** The rows, one behind the other, over shared memory; begins as zeros. */
  readonly target: Int32Array;
}

const withKernel = keepWhileUsed(openInt8Kernel);

export function openBand(band: OpenedBand): undefined {
  withKernel((kernel) => openWith(kernel, band));
}

function openWith(kernel: Int8Kernel, band: OpenedBand): void {
  const { size, keyA, keyB, indices, firstK, inner, target } = band;
  const rows = indices.length;
  kernel.layOut({ size, rows, innerA: inner, innerB: Math.min(inner, blockLength) });
  kernel.packA({ key: keyA, rows: indices, firstK, inner });
  kernel.clearC(rows);
  for (let offset = 0; offset < inner; offset += blockLength) {
    const length = Math.min(blockLength, inner - offset);
    kernel.packB({ key: keyB, firstK: firstK + offset, length, slot: 0 });
    kernel.multiply({ rows, offset, length, slot: 0 });
  }
  for (let row = 0; row < rows; row++) {
    const sums = kernel.rowOfC(row);
    for (let column = 0; column < size; column++) Atomics.add(target, row * size + column, sums[column]!);
  }
}

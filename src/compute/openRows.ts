/**
 * Computes single rows of a proof round again, to open a commitment: the product itself was thrown away. Runs in
 * main, over the pool's threads.
 */
import { NodeError } from '../errors/nodeError.js';
import type { ComputePool } from './computePool.js';
import { runBands } from './runBands.js';
import { sharedInt32 } from './sharedArrays.js';

export interface RowsToOpen {
  readonly size: number;
  /** 32 bytes each. */
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  /** Of the rows, in the order in which they are wanted. */
  readonly indices: readonly number[];
}

/** Rows that share what a task grows of B; more would outgrow the second cache. */
const rowsAtOnce = 256;
/** Of B in one task: about 60 ms to grow and pack. */
const maxTaskBytes = 32 * 1_024 * 1_024;
/** Multiplications and additions of one task: about 100 ms. */
const maxTaskOperations = 4e9;
/** Less of k would cost more to add up than to multiply. */
const minInner = 512;
/** As on a machine where everything else comes first. */
const taskDeadlineMs = 60_000;

/** @returns the rows one behind the other, `indices.length` × `size`, over shared memory */
export async function openRows(
  pool: ComputePool,
  { size, keyA, keyB, indices }: RowsToOpen,
  signal: AbortSignal,
): Promise<Int32Array> {
  const isRow = (index: number): boolean => Number.isInteger(index) && index >= 0 && index < size;
  if (!indices.every(isRow)) {
    throw new NodeError('compute_failed', { meta: { reason: `not a row of a matrix of size ${size}` } });
  }
  const rows = sharedInt32(indices.length * size);
  const groups = Math.ceil(indices.length / rowsAtOnce);
  const inner = innerOfTask(size, Math.min(indices.length, rowsAtOnce), pool.threads);
  const stretches = Math.ceil(size / inner);
  await runBands({
    bands: groups * stretches,
    lanes: pool.threads,
    signal,
    run: (band) => {
      const first = Math.floor(band / stretches) * rowsAtOnce;
      const firstK = (band % stretches) * inner;
      const wanted = indices.slice(first, first + rowsAtOnce);
      const target = rows.subarray(first * size, (first + wanted.length) * size);
      const length = Math.min(inner, size - firstK);
      const task = { size, keyA, keyB, indices: wanted, firstK, inner: length, target };
      return pool.run('openedBand', task, { deadlineMs: taskDeadlineMs });
    },
  });
  return rows;
}

/** How much of k a task takes. */
function innerOfTask(size: number, rows: number, threads: number): number {
  const wanted = Math.min(
    size / threads,
    maxTaskBytes / size,
    maxTaskOperations / (2 * Math.max(1, rows) * size),
  );
  return Math.max(minInner, Math.ceil(wanted));
}

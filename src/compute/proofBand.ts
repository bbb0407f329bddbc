/**
 * A band of rows of a proof round: multiplied, hashed to leaves and thrown away. Runs in the compute threads; each
 * grows and packs B once for all bands of a round.
 */
import { leafBytes } from '../proof/protocol.js';
import { rowLeaf } from '../proof/rowTree.js';
import { blockLength, type Int8Kernel, openInt8Kernel } from './int8Kernel.js';
import { keepWhileUsed } from './keepWhileUsed.js';

export interface ProofBand {
  readonly size: number;
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  readonly firstRow: number;
  readonly rows: number;
}

export interface ProofBandDone {
  readonly isDone: true;
  /** One a row of the band. */
  readonly leaves: Uint8Array;
  /** C[0][0] and C[⌊size/2⌋][⌊size/2⌋], where the band holds them. */
  readonly samples: readonly [number | undefined, number | undefined];
  readonly generateMs: number;
  readonly multiplyMs: number;
  readonly hashMs: number;
}

/** B is not packed yet; the same band asked for again goes on with it. */
export interface ProofBandPending {
  readonly isDone: false;
  readonly generateMs: number;
}

export type ProofBandResult = ProofBandDone | ProofBandPending;

interface BandState {
  readonly kernel: Int8Kernel;
  /** Whose B is being packed: its key and size. */
  job: string;
  packedBlocks: number;
}

/** What one task packs at most, about 200 ms: other tasks of the pool are waiting. */
const packedBytesPerTask = 96 * 1_024 * 1_024;

const withState = keepWhileUsed((): BandState => ({ kernel: openInt8Kernel(), job: '', packedBlocks: 0 }));

export function proveBand(band: ProofBand): ProofBandResult {
  return withState((state) => proveWith(state, band));
}

function proveWith(state: BandState, { size, keyA, keyB, firstRow, rows }: ProofBand): ProofBandResult {
  const { kernel } = state;
  const job = `${size} ${Buffer.from(keyB).toString('hex')}`;
  const blocks = Math.ceil(size / blockLength);
  const lengthOf = (block: number): number => Math.min(blockLength, size - block * blockLength);
  if (state.job !== job) {
    state.job = job;
    state.packedBlocks = 0;
  }
  const startMs = performance.now();
  kernel.layOut({ size, rows, innerA: size, innerB: size });
  for (let packed = 0; state.packedBlocks < blocks; state.packedBlocks++) {
    if (packed >= packedBytesPerTask) return { isDone: false, generateMs: performance.now() - startMs };
    const slot = state.packedBlocks;
    kernel.packB({ key: keyB, firstK: slot * blockLength, length: lengthOf(slot), slot });
    packed += lengthOf(slot) * size;
  }
  const indices = Array.from({ length: rows }, (_, at) => firstRow + at);
  kernel.packA({ key: keyA, rows: indices, firstK: 0, inner: size });
  const packedMs = performance.now();
  kernel.clearC(rows);
  for (let slot = 0; slot < blocks; slot++) {
    kernel.multiply({ rows, offset: slot * blockLength, length: lengthOf(slot), slot });
  }
  const multipliedMs = performance.now();
  const leaves = new Uint8Array(rows * leafBytes);
  for (const index of indices) {
    const row = kernel.rowOfC(index - firstRow);
    const rowBytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
    leaves.set(rowLeaf(index, rowBytes), (index - firstRow) * leafBytes);
  }
  const middle = size >>> 1;
  const holdsMiddle = middle >= firstRow && middle < firstRow + rows;
  return {
    isDone: true,
    leaves,
    samples: [
      firstRow === 0 ? kernel.rowOfC(0)[0] : undefined,
      holdsMiddle ? kernel.rowOfC(middle - firstRow)[middle] : undefined,
    ],
    generateMs: packedMs - startMs,
    multiplyMs: multipliedMs - packedMs,
    hashMs: performance.now() - multipliedMs,
  };
}

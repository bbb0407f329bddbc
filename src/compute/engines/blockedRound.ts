/**
 * A proof round for libraries that multiply in float32 only: exact, because the inner dimension is cut into blocks
 * whose sums stay below 2^24, and the blocks are added up in int32 here. Works band by band of rows, so that only B
 * is in memory as a whole. Runs in the GPU host.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inputValues } from '../../proof/keystream.js';
import { leafBytes } from '../../proof/protocol.js';
import { rowLeaf } from '../../proof/rowTree.js';
import type { ProofRoundRequest, ProofRoundResult } from '../matrixEngine.js';
import { type Stage, Stopwatch } from './stopwatch.js';

export interface Block {
  /** Rows that count; `a` has room for a band. */
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** Row by row, zeros in what does not count. */
  readonly a: Float32Array;
  readonly b: Float32Array;
}

export interface BlockedRoundOptions {
  readonly request: ProofRoundRequest;
  readonly signal: AbortSignal;
  readonly bandRows: number;
  /** Rows of a block along the inner dimension, at most `blockInner(size)`. */
  readonly inner: number;
  /** Called with blocks of one shape; returns the rows of the product, perhaps more than count. */
  readonly multiply: (block: Block) => Promise<readonly Float32Array[]>;
  readonly untold: readonly Stage[];
}

/** 127 · 127 · 1040 is below 2^24, the last integer that float32 counts to. */
const maxInner = 1_040;

/** Rows of one block along the inner dimension: the same for all blocks, as close to the limit as that allows. */
export const blockInner = (size: number): number => Math.ceil(size / Math.ceil(size / maxInner));

export async function blockedRound(options: BlockedRoundOptions): Promise<ProofRoundResult> {
  const { request, signal, bandRows, inner, multiply, untold } = options;
  const { size, keyA, keyB } = request;
  const blocks = Math.ceil(size / inner);
  const leaves = new Uint8Array(size * leafBytes);
  const middle = size >>> 1;
  const samples: [number, number] = [0, 0];
  const watch = new Stopwatch();
  /** Lets an abort come in. */
  const pause = async (): Promise<void> => {
    await nextTurn();
    signal.throwIfAborted();
  };

  const b = new Float32Array(inner * blocks * size);
  for (let first = 0; first < size; first += bandRows) {
    const rows = Math.min(bandRows, size - first);
    await watch.time('generate', () => b.set(inputValues(keyB, first * size, rows * size), first * size));
    await pause();
  }
  const sums = new Int32Array(bandRows * size);
  const a = new Float32Array(bandRows * inner);
  for (let first = 0; first < size; first += bandRows) {
    const rows = Math.min(bandRows, size - first);
    const values = await watch.time('generate', () => inputValues(keyA, first * size, rows * size));
    for (let block = 0; block < blocks; block++) {
      const from = block * inner;
      await watch.time('multiply', async () => {
        copyBlock(values, { size, rows, from, inner }, a);
        const part = b.subarray(from * size, (from + inner) * size);
        const product = await multiply({ rows, inner, columns: size, a, b: part });
        for (let row = 0; row < rows; row++) {
          addRow(sums.subarray(row * size, (row + 1) * size), product[row]!, block === 0);
        }
      });
      await pause();
    }
    await watch.time('hash', () => {
      for (let row = 0; row < rows; row++) {
        const leaf = rowLeaf(first + row, new Uint8Array(sums.buffer, row * size * 4, size * 4));
        leaves.set(leaf, (first + row) * leafBytes);
      }
    });
    if (first === 0) samples[0] = sums[0]!;
    if (first <= middle && middle < first + rows) samples[1] = sums[(middle - first) * size + middle]!;
    await pause();
  }
  return { leaves, samples, timings: watch.timings(...untold) };
}

function copyBlock(
  values: Int8Array,
  { size, rows, from, inner }: { size: number; rows: number; from: number; inner: number },
  target: Float32Array,
): void {
  target.fill(0);
  const count = Math.min(inner, size - from);
  for (let row = 0; row < rows; row++) {
    const start = row * size + from;
    target.set(values.subarray(start, start + count), row * inner);
  }
}

function addRow(sums: Int32Array, part: Float32Array, isFirst: boolean): void {
  if (isFirst) sums.set(part);
  else for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + part[i]!;
}

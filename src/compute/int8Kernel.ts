/**
 * The int8 kernel with its memory laid out: C += A·B over blocks of k, inputs grown from their keys. Blocks are as
 * long as keeps a panel of B and a group of A in the first cache together; all else streams past them. Runs in the
 * compute threads.
 */
import { fillKeystream } from '../proof/keystream.js';
import { openKernel } from './wasmKernel.js';

interface Int8Exports {
  packB(
    source: number,
    stride: number,
    pairs: number,
    panels: number,
    target: number,
    panelBytes: number,
  ): void;
  packA(source: number, stride: number, groups: number, pairs: number, target: number): void;
  multiply(
    a: number,
    groupBytes: number,
    b: number,
    c: number,
    rowBytes: number,
    groups: number,
    panels: number,
    pairs: number,
  ): void;
}

export interface Int8Shape {
  /** Columns of B and C; also what a row takes in the stream of either input. */
  readonly size: number;
  /** Most rows of A and C at once. */
  readonly rows: number;
  /** Longest stretch of k of which A is packed at once. */
  readonly innerA: number;
  /** Longest stretch of k of which B is packed at once. */
  readonly innerB: number;
}

export interface RowsOfA {
  readonly key: Uint8Array;
  /** Their indices. */
  readonly rows: readonly number[];
  readonly firstK: number;
  readonly inner: number;
}

export interface BlockOfB {
  readonly key: Uint8Array;
  readonly firstK: number;
  /** At most `blockLength`. */
  readonly length: number;
  /** Which block of the packed ones it becomes; all but the last are full. */
  readonly slot: number;
}

export interface Int8Kernel {
  /** Makes room. What is packed of B stays as long as the size does. */
  layOut(shape: Int8Shape): void;
  packB(block: BlockOfB): void;
  packA(rows: RowsOfA): void;
  /** Zeros the first rows of C. */
  clearC(rows: number): void;
  /** Adds the product of the packed rows, from `offset` on in their k, with the block in `slot` to C. */
  multiply(block: {
    readonly rows: number;
    readonly offset: number;
    readonly length: number;
    readonly slot: number;
  }): void;
  /** A row of C in the kernel's memory. */
  rowOfC(row: number): Int32Array;
}

/** Of k: 8 KiB a panel of B, 8 KiB a group of A. */
export const blockLength = 1_024;
const panelColumns = 8;
const groupRows = 4;
/** Pairs are packed four at a time. */
const innerStep = 8;
/** Keystream that is packed at once. */
const pieceBytes = 1_048_576;
/** Vectors read beyond the last value of the last row. */
const slackBytes = 64;
/** Where packed B begins: what lies below belongs to the compiler. */
const baseOffset = 4_096;

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

export function openInt8Kernel(): Int8Kernel {
  const { exports, reserve } = openKernel<Int8Exports>('matmul');
  let bytes = new Uint8Array(0);
  let size = 0;
  let columns = 0;
  let groupBytes = 0;
  let a = 0;
  let c = 0;
  let staging = 0;
  const panels = (): number => columns / panelColumns;
  const slotOffset = (slot: number): number => baseOffset + slot * blockLength * columns;
  const pairsOf = (length: number): number => roundUp(length, innerStep) / 2;
  const stagedRows = (): number => Math.max(innerStep, roundUp(pieceBytes / size, innerStep));

  return {
    layOut(shape) {
      size = shape.size;
      columns = roundUp(size, panelColumns);
      groupBytes = pairsOf(shape.innerA) * 16;
      const rows = roundUp(shape.rows, groupRows);
      a = roundUp(baseOffset + roundUp(shape.innerB, innerStep) * columns, 64);
      c = roundUp(a + (rows / groupRows) * groupBytes, 64);
      staging = c + rows * columns * 4;
      const staged = Math.max(stagedRows() * size, rows * shape.innerA);
      bytes = new Uint8Array(reserve(staging + staged + slackBytes));
    },

    packB({ key, firstK, length, slot }) {
      const pairs = pairsOf(length);
      for (let done = 0; done < length; done += stagedRows()) {
        const rows = Math.min(stagedRows(), length - done);
        const padded = roundUp(rows, innerStep);
        fillKeystream(key, (firstK + done) * size, bytes.subarray(staging, staging + rows * size));
        // Zeros of B make whatever A holds there harmless.
        bytes.fill(0, staging + rows * size, staging + padded * size);
        exports.packB(staging, size, padded / 2, panels(), slotOffset(slot) + done * 8, pairs * 16);
      }
    },

    packA({ key, rows, firstK, inner }) {
      for (let at = 0; at < rows.length; ) {
        // Whole rows that follow each other are one stretch of the stream; opening it anew costs more than a row.
        let count = 1;
        while (inner === size && rows[at + count] === rows[at]! + count) count++;
        const from = staging + at * inner;
        fillKeystream(key, rows[at]! * size + firstK, bytes.subarray(from, from + count * inner));
        at += count;
      }
      exports.packA(staging, inner, Math.ceil(rows.length / groupRows), pairsOf(inner), a);
    },

    clearC(rows) {
      bytes.fill(0, c, c + roundUp(rows, groupRows) * columns * 4);
    },

    multiply({ rows, offset, length, slot }) {
      exports.multiply(
        a + offset * 8,
        groupBytes,
        slotOffset(slot),
        c,
        columns * 4,
        Math.ceil(rows / groupRows),
        panels(),
        pairsOf(length),
      );
    },

    rowOfC: (row) => new Int32Array(bytes.buffer, c + row * columns * 4, size),
  };
}

/**
 * Whether rows of a product C = A·B are right, at the cost of O(n²) instead of the product's O(n³) (Freivalds): for
 * a secret random vector r a right row has C_row·r = A_row·(B·r), and a wrong one has it modulo 2^61 − 1 with a
 * chance below 2^-60. B is generated piece by piece and forgotten, of A only the rows that are asked about.
 *
 * One prime this large is needed: with two primes of 31 bits a cell may be wrong by a multiple of one of them, and
 * only the other would tell. Runs where a verifier runs.
 */
import { randomBytes } from 'node:crypto';
import { NodeError } from '../errors/nodeError.js';
import { fillKeystream } from '../proof/keystream.js';
import { maxExactSize } from '../proof/protocol.js';
import { RowArithmetic, vectorBytes } from './rowArithmetic.js';

export interface RowsToCheck {
  /** 32 bytes each: what A and B grow from. */
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  readonly size: number;
  readonly indices: readonly number[];
  /** The claimed rows at these indices: `size` int32 little-endian values each. */
  readonly rows: readonly Uint8Array[];
  readonly random?: RandomBytes | undefined;
}

/** Uniform bytes that nobody else can know. */
export type RandomBytes = (bytes: number) => Uint8Array;

let arithmetic: RowArithmetic | undefined;

/** The indices of the rows that are wrong, in the order asked; empty when all are right. */
export function checkRows({
  keyA,
  keyB,
  size,
  indices,
  rows,
  random = randomBytes,
}: RowsToCheck): readonly number[] {
  const isCheckable =
    Number.isInteger(size) &&
    size >= 1 &&
    size <= maxExactSize &&
    rows.length === indices.length &&
    rows.every((row) => row.length === size * 4);
  if (!isCheckable) throw new NodeError('internal_error', { meta: { size, rows: rows.length } });
  if (rows.length === 0) return [];
  arithmetic ??= new RowArithmetic();
  const vector = arithmetic.load(size, random(vectorBytes(size)));
  vector.multiplyMatrix((offset, target) => fillKeystream(keyB, offset, target));
  return indices.filter((index, at) => {
    const expected = vector.timesProduct((target) => fillKeystream(keyA, index * size, target));
    return vector.timesVector(rows[at]!) !== expected;
  });
}

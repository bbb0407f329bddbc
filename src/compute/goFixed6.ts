/**
 * Prints a number as Go's `%.6f`, as the legacy root wants it: the exact decimal expansion rounded to six places, a
 * tie to the even digit, never an exponent, and a minus sign also on what rounds to zero. JavaScript's `toFixed`
 * differs in all of that. Runs in the compute threads, once a cell.
 */
import { NodeError } from '../errors/nodeError.js';

/** What the longest number takes: sign, 309 digits, point, six places. */
export const maxFixed6Bytes = 317;

/** From here on every number is an integer, and does not fit two steps of nine digits. */
const allIntegersFrom = 2 ** 53;
/** Above the error of the product that finds the six places, by far. */
const nearTie = 1e-9;
/** Splits a double into halves of 26 bits (Dekker). */
const splitter = 2 ** 27 + 1;

const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;

/** The three digits of 0 to 999, one behind the other. */
const threeDigits = Uint8Array.from({ length: 3_000 }, (_, i) => {
  const value = Math.floor(i / 3);
  return zero + (Math.floor(value / 10 ** (2 - (i % 3))) % 10);
});

/**
 * Writes at `offset`, at most `maxFixed6Bytes`.
 *
 * @returns the offset behind the last digit
 * @throws NodeError `invalid_payload` for infinities and NaN
 */
export function writeGoFixed6(value: number, target: Uint8Array, offset: number): number {
  let at = offset;
  let magnitude = value;
  if (value < 0 || (value === 0 && 1 / value < 0)) {
    target[at++] = minus;
    magnitude = -value;
  }
  if (magnitude < allIntegersFrom) {
    let whole = Math.floor(magnitude);
    let millionths = roundedMillionths(magnitude - whole);
    if (millionths === 1_000_000) {
      whole++;
      millionths = 0;
    }
    at = whole < 1_000 ? writeSmall(whole, target, at) : writeWhole(whole, target, at);
    return writePlaces(millionths, target, at);
  }
  if (!Number.isFinite(value)) throw overflow();
  const digits = BigInt(magnitude).toString();
  for (let i = 0; i < digits.length; i++) target[at++] = digits.charCodeAt(i);
  return writePlaces(0, target, at);
}

/** What is thrown for a product that has cells which are no numbers. */
export function overflow(): NodeError {
  return new NodeError('invalid_payload', {
    message: 'The product overflows: some of its cells are not finite numbers.',
  });
}

/** @param fraction in [0, 1) */
function roundedMillionths(fraction: number): number {
  const product = fraction * 1e6;
  const below = Math.floor(product);
  let past = product - below - 0.5;
  if (past > -nearTie && past < nearTie) {
    // What rounding the product lost, exactly: each half has 26 bits, a million has 20. So the sign of `past` is
    // right, and it is zero for a true tie alone.
    const wide = fraction * splitter;
    const high = wide - (wide - fraction);
    past += high * 1e6 - product + (fraction - high) * 1e6;
  }
  return past > 0 || (past === 0 && (below & 1) === 1) ? below + 1 : below;
}

/** @param value below 1000 */
function writeSmall(value: number, target: Uint8Array, offset: number): number {
  let at = offset;
  const digits = value * 3;
  if (value >= 100) target[at++] = threeDigits[digits]!;
  if (value >= 10) target[at++] = threeDigits[digits + 1]!;
  target[at++] = threeDigits[digits + 2]!;
  return at;
}

function writeWhole(value: number, target: Uint8Array, offset: number): number {
  if (value < 1_000) return writeSmall(value, target, offset);
  const thousands = Math.floor(value / 1_000);
  const at = writeWhole(thousands, target, offset);
  return writeThree(value - thousands * 1_000, target, at);
}

function writeThree(value: number, target: Uint8Array, offset: number): number {
  const digits = value * 3;
  target[offset] = threeDigits[digits]!;
  target[offset + 1] = threeDigits[digits + 1]!;
  target[offset + 2] = threeDigits[digits + 2]!;
  return offset + 3;
}

function writePlaces(millionths: number, target: Uint8Array, offset: number): number {
  target[offset] = point;
  const thousandths = (millionths / 1_000) | 0;
  const at = writeThree(thousandths, target, offset + 1);
  return writeThree(millionths - thousandths * 1_000, target, at);
}

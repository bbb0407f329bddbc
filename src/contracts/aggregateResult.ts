/**
 * The return value of Multicall3's `aggregate3`, `(bool success, bytes returnData)[]`, cut out of the hex text
 * that the endpoint sent. A general decoder turns every byte of a long list into an object of its own and
 * back; here the inner answers stay slices of the text. Runs in the registry thread and the command line.
 *
 * Source: the Solidity ABI specification, section "Formal Specification of the Encoding".
 */
import type { Hex } from 'viem';

export interface CallResult {
  readonly success: boolean;
  readonly returnData: Hex;
}

const wordDigits = 64;
const smallNumber = /^0{52}[0-9a-f]{12}$/;

/** `undefined` when the text is not such a value. Offsets are in hex digits from the start of `digits`. */
export function decodeAggregateResult(data: Hex): readonly CallResult[] | undefined {
  const digits = data.slice(2).toLowerCase();
  /** The word at an offset as a number below 2^48, in hex digits when it counts bytes. */
  const number = (at: number): number => {
    const word = digits.slice(at, at + wordDigits);
    return smallNumber.test(word) ? Number.parseInt(word, 16) : Number.NaN;
  };

  const array = number(0) * 2;
  const count = number(array);
  const tuples = array + wordDigits;
  // Every element takes at least four words, so a longer list than the text can hold is a lie.
  if (!(count * 4 * wordDigits <= digits.length)) return undefined;
  const results: CallResult[] = [];
  for (let i = 0; i < count; i++) {
    const tuple = tuples + number(tuples + i * wordDigits) * 2;
    const success = number(tuple);
    const bytes = tuple + number(tuple + wordDigits) * 2;
    const start = bytes + wordDigits;
    const end = start + number(bytes) * 2;
    if (!(end <= digits.length) || (success !== 0 && success !== 1)) return undefined;
    results.push({ success: success === 1, returnData: `0x${digits.slice(start, end)}` });
  }
  return results;
}

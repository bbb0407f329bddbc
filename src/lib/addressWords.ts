/** An address as the five 32-bit words that the shared-memory tables compare. Runs everywhere. */

import type { AddressText } from './address.js';
import { hexByte } from './hex.js';

/** Five little-endian words of the 20 bytes; `into` saves the allocation. */
export function addressWords(bytes: Uint8Array, into = new Int32Array(5)): Int32Array {
  for (let word = 0, at = 0; word < 5; word++, at += 4) {
    into[word] =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
  }
  return into;
}

/** The same of an address text that `parseAddress` gave. */
export function addressTextWords(address: AddressText): Int32Array {
  const words = new Int32Array(5);
  for (let word = 0, at = 2; word < 5; word++, at += 8) {
    words[word] =
      hexByte(address, at) |
      (hexByte(address, at + 2) << 8) |
      (hexByte(address, at + 4) << 16) |
      (hexByte(address, at + 6) << 24);
  }
  return words;
}

/** Whether 20 bytes are the address that `words` hold. */
export function isAddressOf(words: Int32Array, bytes: Uint8Array): boolean {
  if (bytes.length !== 20) return false;
  addressWords(bytes, compared);
  let difference = 0;
  for (let i = 0; i < 5; i++) difference |= (words[i] as number) ^ (compared[i] as number);
  return difference === 0;
}

const compared = new Int32Array(5);

/** An address as the five 32-bit words that the shared-memory tables compare. Runs on the fronts. */
import type { AddressText } from './address.js';

/** Five little-endian words of the 20 bytes. */
export function addressWords(address: AddressText): Int32Array {
  const bytes = Buffer.from(address.slice(2), 'hex');
  const words = new Int32Array(5);
  for (let i = 0; i < 5; i++) words[i] = bytes.readInt32LE(i * 4);
  return words;
}

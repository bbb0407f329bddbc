/**
 * The mixed-case form of an address that people copy by hand (EIP-55): a digit is upper-case where the keccak
 * of the lower-case text has a high nibble, so most typing errors show. Runs everywhere.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import type { AddressText } from '../lib/address.js';

export function checksumAddress(address: AddressText): string {
  const digits = address.slice(2);
  const hash = Buffer.from(keccak_256(Buffer.from(digits, 'ascii'))).toString('hex');
  let text = '0x';
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charAt(i);
    text += hash.charAt(i) >= '8' ? digit.toUpperCase() : digit;
  }
  return text;
}

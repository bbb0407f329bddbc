/**
 * Ethereum addresses in the three forms the node uses: 20 bytes, five 32-bit words (what the shared-memory
 * tables compare), and lower-case `0x` text (what logs and files hold). Runs everywhere.
 */

import { hexDigit, hexStart } from './hex.js';
import { hexText } from './hexText.js';

/** `0x` and 40 lower-case hex digits. */
export type AddressText = `0x${string}`;

const addressDigits = 40;

/** The lower-case form of an address in any letter case, `0x` optional; `undefined` when it is none. */
export function parseAddress(text: string): AddressText | undefined {
  const start = hexStart(text);
  if (text.length !== start + addressDigits) return undefined;
  let isLowerCase = true;
  for (let at = start; at < text.length; at++) {
    if (hexDigit(text, at) > 15) return undefined;
    // Digits and lower-case letters have the bit that upper-case letters lack.
    if ((text.charCodeAt(at) & 0x20) === 0) isLowerCase = false;
  }
  if (isLowerCase && start === 2 && text.charCodeAt(1) === 0x78) return text as AddressText;
  return `0x${text.slice(start).toLowerCase()}`;
}

/** The 20 bytes of an address text that `parseAddress` accepted. */
export function addressBytes(address: AddressText): Uint8Array {
  return Buffer.from(address.slice(2), 'hex');
}

/** The text of 20 bytes. */
export const addressText = (bytes: Uint8Array): AddressText => hexText(bytes);

/**
 * Ethereum addresses in the three forms the node uses: 20 bytes, five 32-bit words (what the shared-memory
 * tables compare), and lower-case `0x` text (what logs and files hold). Runs everywhere.
 */
import { hexText } from './hexText.js';

/** `0x` and 40 lower-case hex digits. */
export type AddressText = `0x${string}`;

const hexDigits = /^(?:0[xX])?([0-9a-fA-F]{40})$/;

/** The lower-case form of an address in any letter case, `0x` optional; `undefined` when it is none. */
export function parseAddress(text: string): AddressText | undefined {
  const digits = hexDigits.exec(text)?.[1];
  return digits === undefined ? undefined : `0x${digits.toLowerCase()}`;
}

/** The 20 bytes of an address text that `parseAddress` accepted. */
export function addressBytes(address: AddressText): Uint8Array {
  return Buffer.from(address.slice(2), 'hex');
}

/** The text of 20 bytes. */
export const addressText = (bytes: Uint8Array): AddressText => hexText(bytes);

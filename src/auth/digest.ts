/** The digests that callers sign. Runs on the fronts and in the command line. */
import { keccak256, keccak256OfLatin1 } from './keccak.js';

/**
 * EIP-191 `personal_sign` digest of an ASCII message.
 * @returns 32 bytes; `into` saves the allocation
 */
export function personalDigest(message: string, into?: Uint8Array): Uint8Array {
  return keccak256OfLatin1(`\x19Ethereum Signed Message:\n${message.length}${message}`, into);
}

/** What a caller signs in the legacy scheme: lower-case hex SHA-256 of the raw body, timestamp, nonce. */
export function legacyMessage(bodySha256Hex: string, timestamp: string, nonce: string): string {
  return `${bodySha256Hex}.${timestamp}.${nonce}`;
}

/**
 * The address of a public key.
 * @param publicKey 65 bytes, uncompressed
 * @returns 20 bytes
 */
export function publicKeyAddress(publicKey: Uint8Array): Uint8Array {
  return keccak256(publicKey.subarray(1)).subarray(12);
}

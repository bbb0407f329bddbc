/** Signatures that the node makes over text of its own (EIP-191). Runs in main, which holds the node's key. */
import { personalDigest } from './digest.js';

/** What Ethereum adds to the recovery bit. */
const recoveryOffset = 27;

/**
 * @param message ASCII
 * @param sign a 32-byte digest to r ‖ s ‖ v, v 0 or 1
 * @returns 65 bytes in hex with `0x`, v 27 or 28
 */
export function personalSignature(message: string, sign: (digest: Uint8Array) => Uint8Array): `0x${string}` {
  const signature = Buffer.from(sign(personalDigest(message)));
  signature[64] = signature[64]! + recoveryOffset;
  return `0x${signature.toString('hex')}`;
}

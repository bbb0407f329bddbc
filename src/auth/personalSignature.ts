/**
 * Signatures over text (EIP-191) in the form that Ethereum writes. Runs in main, which holds the node's key, and in
 * the command line.
 */
import { NodeError } from '../errors/nodeError.js';
import { hexText } from '../lib/hexText.js';
import { personalDigest } from './digest.js';

/** 32-byte digest to r(32) ‖ s(32) ‖ v(1), low s. */
export type SignDigest = (digest: Uint8Array) => Uint8Array;

const signatureBytes = 65;
/** What Ethereum adds to the recovery bit; signers that have done so already are left alone. */
const recoveryOffset = 27;

/**
 * @param message ASCII
 * @returns 65 bytes in hex with `0x`, v 27 or 28
 */
export function personalSignature(message: string, sign: SignDigest): `0x${string}` {
  const signed = sign(personalDigest(message));
  if (signed.length !== signatureBytes) {
    throw new NodeError('internal_error', {
      meta: { expectedBytes: signatureBytes, gotBytes: signed.length },
    });
  }
  const signature = Uint8Array.from(signed);
  const v = signature[signatureBytes - 1]!;
  if (v < recoveryOffset) signature[signatureBytes - 1] = v + recoveryOffset;
  return hexText(signature);
}

/**
 * Public-key recovery without native code, over a millisecond a call. Runs in the compute pool and where
 * nodes are verified.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { publicKeyAddress } from './digest.js';
import type { SignedDigest } from './signerRecovery.js';

/** @returns the signer's 20 bytes, or `undefined` when the signature is none */
export function recoverInJavaScript({ digest, signature, recoveryId }: SignedDigest): Uint8Array | undefined {
  try {
    const compact = secp256k1.Signature.fromBytes(signature, 'compact').addRecoveryBit(recoveryId);
    if (compact.hasHighS()) return undefined;
    return publicKeyAddress(compact.recoverPublicKey(digest).toBytes(false));
  } catch {
    // noble throws for r or s out of range and for points that do not exist.
    return undefined;
  }
}

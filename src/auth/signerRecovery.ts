/**
 * Who signed a digest: public-key recovery on secp256k1. The native library does it in about 50 µs on the
 * front itself; without it the same task takes over a millisecond in JavaScript and is handed to the compute
 * pool, so that it never holds up a front's event loop.
 */
import { createRequire } from 'node:module';
import { addressTextWords, isAddressOf } from '../lib/addressWords.js';
import { KnownKeys } from './knownKeys.js';

export interface SignedDigest {
  /** 32 bytes. */
  readonly digest: Uint8Array;
  /** r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
  readonly recoveryId: 0 | 1;
}

export interface SignerRecovery {
  readonly kind: 'native' | 'pool';
  /**
   * Recovers who signed and compares: `signer` is an address as five little-endian words. Answers at once when `kind` is
   * `native`; a rejection means that nobody could say. Needs what it is given only until it returns.
   */
  verify(signed: SignedDigest, signer: Int32Array): boolean | Promise<boolean>;
}

interface NativeBinding {
  ecdsaRecover(
    signature: Uint8Array,
    recoveryId: number,
    digest: Uint8Array,
    compressed: boolean,
    output: Uint8Array,
  ): Uint8Array;
}

/** Half the group order: a larger s has a twin, and one request must not have two valid signatures. */
const halfOrder = Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex');

export function isLowS(signature: Uint8Array): boolean {
  for (let i = 0; i < halfOrder.length; i++) {
    const difference = signature[32 + i]! - halfOrder[i]!;
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** A signature of the network's public test key, to prove the binding before it decides about requests. */
const knownAnswer = {
  digest: Buffer.from('9860c79a4faac84b55151a0966f3e227af2c768dbb7f32a080aa682b269f5ced', 'hex'),
  signature: Buffer.from(
    '6bb826e339314692ff7e4a960b2ff5de08e52a97836be5086422842cdba2109d06ee25a047989e7c6a5e1898d0f663239c4d31972d4b1f94bf7b2f186d949620',
    'hex',
  ),
  recoveryId: 0,
  signer: addressTextWords('0x0172b2911af6a2491ff76ddec34acb7ae2c03ba1'),
} as const;

/** The native recovery, or why this machine has none. */
export function loadNativeRecovery(): SignerRecovery | { readonly unavailable: string } {
  let binding: NativeBinding;
  try {
    // The package's main file falls back to a slow JavaScript implementation without a word; the binding
    // itself throws.
    binding = createRequire(import.meta.url)('secp256k1/bindings') as NativeBinding;
  } catch (cause) {
    return { unavailable: cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause) };
  }
  const publicKey = new Uint8Array(new ArrayBuffer(68), 3, 65);
  const known = new KnownKeys(publicKey);
  // Not a verification against a key that is known from before, which takes 0.84 of the time: it does not look at
  // the recovery id, so a request would be accepted or refused depending on who was seen here before.
  const isSigner = ({ digest, signature, recoveryId }: SignedDigest, signer: Int32Array): boolean => {
    if (!isLowS(signature)) return false;
    try {
      binding.ecdsaRecover(signature, recoveryId, digest, false, publicKey);
    } catch {
      // The library throws for r or s out of range and for points that do not exist.
      return false;
    }
    return known.isKeyOf(signer);
  };
  if (!isSigner(knownAnswer, knownAnswer.signer)) {
    return { unavailable: 'the binding gives a wrong answer to a known signature' };
  }
  return { kind: 'native', verify: isSigner };
}

/** Recovery elsewhere: `run` is the compute pool's task, asked through main, which answers the signer's 20 bytes. */
export function createPoolRecovery(
  run: (signed: SignedDigest) => Promise<Uint8Array | undefined>,
): SignerRecovery {
  return {
    kind: 'pool',
    verify({ digest, signature, recoveryId }, signer) {
      if (!isLowS(signature)) return false;
      // Copies, because the caller's memory holds the next request's by then.
      const signed = { digest: Uint8Array.from(digest), signature: Uint8Array.from(signature), recoveryId };
      return run(signed).then((found) => found !== undefined && isAddressOf(signer, found));
    },
  };
}

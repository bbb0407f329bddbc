/**
 * Who signed a digest: public-key recovery on secp256k1. The native library does it in about 50 µs on the
 * front itself; without it the same task takes over a millisecond in JavaScript and is handed to the compute
 * pool, so that it never holds up a front's event loop.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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

/** What the package's own checks stand before; it checks the lengths of what it reads once more. */
interface NativeBinding {
  /** @returns 0, or why there is no such key */
  ecdsaRecover(publicKey: Uint8Array, signature: Uint8Array, recoveryId: number, digest: Uint8Array): number;
}

interface NativeAddon {
  readonly Secp256k1: new () => NativeBinding;
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
  try {
    const verify = nativeVerification(openBinding());
    if (verify(knownAnswer, knownAnswer.signer)) return { kind: 'native', verify };
    return { unavailable: 'the binding gives a wrong answer to a known signature' };
  } catch (cause) {
    return { unavailable: cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause) };
  }
}

function nativeVerification(binding: NativeBinding): (signed: SignedDigest, signer: Int32Array) => boolean {
  const publicKey = new Uint8Array(new ArrayBuffer(68), 3, 65);
  const known = new KnownKeys(publicKey);
  // Not a verification against a key that is known from before, which takes 0.84 of the time: it does not look at
  // the recovery id, so a request would be accepted or refused depending on who was seen here before.
  return ({ digest, signature, recoveryId }, signer) => {
    if (!isLowS(signature)) return false;
    // Not 0 for r or s out of range and for points that do not exist.
    return binding.ecdsaRecover(publicKey, signature, recoveryId, digest) === 0 && known.isKeyOf(signer);
  };
}

/**
 * As the package opens it, without the checks that it puts before every call: they are made anew from strings each
 * time, and what is passed here is of the right types and lengths. The package's main file would fall back to a slow
 * JavaScript implementation without a word; this throws.
 */
function openBinding(): NativeBinding {
  const place = dirname(createRequire(import.meta.url).resolve('secp256k1/package.json'));
  const load = createRequire(join(place, 'package.json'))('node-gyp-build') as (place: string) => NativeAddon;
  return new (load(place).Secp256k1)();
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

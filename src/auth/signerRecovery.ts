/**
 * Who signed a digest: public-key recovery on secp256k1. The native library does it in about 50 µs on the
 * front itself; without it the same task takes over a millisecond in JavaScript and is handed to the compute
 * pool, so that it never holds up a front's event loop.
 */
import { createRequire } from 'node:module';
import { publicKeyAddress } from './digest.js';

export interface SignedDigest {
  /** 32 bytes. */
  readonly digest: Uint8Array;
  /** r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
  readonly recoveryId: 0 | 1;
}

/** `signer` is 20 bytes, or `undefined` when the signature is none; `error` when nobody could say. */
export type RecoveryResult = (signer: Uint8Array | undefined, error?: unknown) => void;

export interface SignerRecovery {
  readonly kind: 'native' | 'pool';
  /** Calls back in the same tick when `kind` is `native`. */
  recover(signed: SignedDigest, done: RecoveryResult): void;
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
  return Buffer.compare(signature.subarray(32, 64), halfOrder) <= 0;
}

/** A signature of the network's public test key, to prove the binding before it decides about requests. */
const knownAnswer = {
  digest: Buffer.from('9860c79a4faac84b55151a0966f3e227af2c768dbb7f32a080aa682b269f5ced', 'hex'),
  signature: Buffer.from(
    '6bb826e339314692ff7e4a960b2ff5de08e52a97836be5086422842cdba2109d06ee25a047989e7c6a5e1898d0f663239c4d31972d4b1f94bf7b2f186d949620',
    'hex',
  ),
  recoveryId: 0,
  signer: '0172b2911af6a2491ff76ddec34acb7ae2c03ba1',
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
  const output = new Uint8Array(65);
  // Not a verification against a key that is known from before, which takes 0.84 of the time: it does not look at
  // the recovery id, so a request would be accepted or refused depending on who was seen here before.
  const recover = ({ digest, signature, recoveryId }: SignedDigest): Uint8Array | undefined => {
    if (!isLowS(signature)) return undefined;
    try {
      return publicKeyAddress(binding.ecdsaRecover(signature, recoveryId, digest, false, output));
    } catch {
      // The library throws for r or s out of range and for points that do not exist.
      return undefined;
    }
  };
  const signer = recover(knownAnswer);
  if (signer === undefined || Buffer.from(signer).toString('hex') !== knownAnswer.signer) {
    return { unavailable: 'the binding gives a wrong answer to a known signature' };
  }
  return { kind: 'native', recover: (signed, done) => done(recover(signed)) };
}

/** Recovery elsewhere: `run` is the compute pool's task, asked through main. */
export function createPoolRecovery(
  run: (signed: SignedDigest) => Promise<Uint8Array | undefined>,
): SignerRecovery {
  return {
    kind: 'pool',
    recover(signed, done) {
      if (!isLowS(signed.signature)) {
        done(undefined);
        return;
      }
      run(signed).then(done, (error: unknown) => done(undefined, error));
    },
  };
}

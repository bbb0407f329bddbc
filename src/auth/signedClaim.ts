/**
 * What a signed request claims before anything is verified, whichever way it is signed: the shape between a
 * scheme, which knows headers and keys, and `authenticate.ts`, which knows the order of checks. Runs on the
 * fronts.
 */
import type { NodeError } from '../errors/nodeError.js';
import type { ReceivedBody } from '../http/bodyReader.js';
import type { RequestHead } from '../http/requestHead.js';
import type { AddressText } from '../lib/address.js';

export type SchemeName = 'legacy' | 'rfc9421' | 'session';

export interface ClaimedCaller {
  readonly address: AddressText;
  /** The same as five little-endian words. */
  readonly words: Int32Array;
}

/** Why a step refuses; `undefined` when it succeeded. */
export type Verdict = NodeError | undefined;

export interface SignedClaim {
  readonly scheme: SchemeName;
  /** `undefined` until `identify` has found out. */
  readonly caller: ClaimedCaller | undefined;
  /** What callers call `signedAtS`. */
  readonly timestampName: 'X-Timestamp' | 'created';
  /** Unix second in which the caller says to have signed. */
  readonly signedAtS: number;
  /** Unix second from which on the request is too old; until then its nonce must be remembered. */
  readonly endsAtS: number;
  readonly nonce: string;
  /** Finds the caller where the headers do not name one. May call back in the same tick. */
  identify(done: (verdict: Verdict) => void): void;
  /**
   * Checks the signature, for the body that was received. `auth_bad_signature` when it is wrong, another code when
   * nobody could say. Answers at once where this thread can say by itself; never rejects.
   */
  verify(body: ReceivedBody): Verdict | Promise<Verdict>;
}

/** One way to sign. */
export interface SignatureScheme {
  /** Looks at the form only: no key is asked for, nothing is stored, and the body is not needed. */
  read(head: RequestHead): SignedClaim | NodeError;
}

/**
 * The authentication layer, legacy scheme. Checks in an order that costs strangers nothing: form, clock and
 * caller before the body is read, the signature before anything is stored, the nonce last. Runs on the fronts.
 */
import type { ErrorCodeName } from '../errors/codes.js';
import { NodeError, toNodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import type { Handler, Layer } from '../http/route.js';
import { addressBytes } from '../lib/address.js';
import { addressWords } from '../lib/addressWords.js';
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { ClaimResult } from '../lib/nonceClaim.js';
import type { CallerAuthority } from './authority.js';
import { type ClockWindow, timestampRefusal } from './clockWindow.js';
import { legacyMessage, personalDigest } from './digest.js';
import { type LegacyHeaders, parseLegacyHeaders } from './legacyHeaders.js';
import type { NonceStore } from './nonceStore.js';
import type { SignerRecovery } from './signerRecovery.js';

export type AuthOutcome = 'accepted' | 'bypassed' | 'error' | ErrorCodeName;

export interface AuthenticationOptions {
  readonly clock: Clock;
  readonly window: ClockWindow;
  readonly nonces: NonceStore;
  readonly recovery: SignerRecovery;
  /** Makes sure that a second ahead of the clock is on disk; see `replayMark.ts`. */
  readonly recordMark: (second: number) => Promise<void>;
  /** The second that is known to be on disk. */
  readonly recordedMarkS: () => number;
  readonly count: (outcome: AuthOutcome) => void;
}

/** Lets through only requests that a caller known to `authority` signed, each once. */
export function authenticate(options: AuthenticationOptions, authority: CallerAuthority): Layer {
  const { clock, window, nonces, recovery, count } = options;

  const refuse = (x: Exchange, error: NodeError): void => {
    count(error.code);
    x.fail(error);
  };

  const claimAndServe = (x: Exchange, caller: Int32Array, signed: LegacyHeaders, next: Handler): void => {
    const nowS = nowSeconds(clock);
    // The request would be refused as too old from this second on, so the entry is not needed longer.
    const expiresAtS = signed.timestampS + window.maxAgeS + 1;
    const serve = (): void => {
      count('accepted');
      x.caller = signed.address;
      next(x);
    };
    const serveOnceMarked = (): void => {
      if (signed.timestampS <= nowS || signed.timestampS <= options.recordedMarkS()) {
        serve();
        return;
      }
      options.recordMark(signed.timestampS).then(
        () => x.attempt(serve),
        (cause: unknown) => {
          const message = 'The replay mark cannot be recorded.';
          refuse(x, new NodeError('replay_table_full', { message, cause }));
        },
      );
    };
    const { nonce, timestampS } = signed;
    nonces.claim({ caller, nonce, timestampS, expiresAtS, nowS }, (claim, retryAfterS) =>
      x.attempt(() => {
        const meta = retryAfterS === undefined ? {} : { retryAfterS };
        if (claim === 'claimed') serveOnceMarked();
        else refuse(x, new NodeError(claimRefusals[claim], { meta }));
      }),
    );
  };

  /** What clock and registry have against a request at this moment. */
  const refusalNow = (signed: LegacyHeaders, caller: Int32Array): NodeError | undefined =>
    timestampRefusal(signed.timestampS, nowSeconds(clock), window) ?? standingRefusal(authority, caller);

  const verify = (x: Exchange, caller: Int32Array, signed: LegacyHeaders, next: Handler): void => {
    const digest = personalDigest(legacyMessage(x.body.sha256Hex, signed.timestamp, signed.nonce));
    const { signature, recoveryId } = signed;
    recovery.recover({ digest, signature, recoveryId }, (signer, error) =>
      x.attempt(() => {
        if (error !== undefined) {
          count('error');
          x.fail(recoveryError(error));
        } else if (signer === undefined || !isAddress(signer, signed.address)) {
          refuse(x, new NodeError('auth_bad_signature'));
        } else {
          // Again, because a body may take long to arrive: its nonce must not be free before it is claimed, and
          // the caller may have been removed meanwhile.
          const refusal = refusalNow(signed, caller);
          if (refusal === undefined) claimAndServe(x, caller, signed, next);
          else refuse(x, refusal);
        }
      }),
    );
  };

  return (next) => (x) => {
    x.phase = 'authenticate';
    const signed = parseLegacyHeaders(x.head.headers);
    if (signed instanceof NodeError) {
      refuse(x, signed);
      return;
    }
    const caller = addressWords(addressBytes(signed.address));
    const refusal = refusalNow(signed, caller);
    if (refusal === undefined) x.receiveBody(() => verify(x, caller, signed, next));
    else refuse(x, refusal);
  };
}

const claimRefusals = {
  replayed: 'auth_replayed',
  full: 'replay_table_full',
  expired: 'auth_expired',
  unavailable: 'replay_store_unavailable',
} as const satisfies Record<Exclude<ClaimResult, 'claimed'>, ErrorCodeName>;

function standingRefusal(authority: CallerAuthority, caller: Int32Array): NodeError | undefined {
  const standing = authority.standingOf(caller);
  if (standing === 'known') return undefined;
  return new NodeError(standing === 'unknown' ? 'auth_unknown_caller' : 'registry_unavailable');
}

/** For `registry.bypassAuth`: everyone passes, the body is received all the same. */
export function bypassAuthentication(count: AuthenticationOptions['count']): Layer {
  return (next) => (x) =>
    x.receiveBody(() => {
      count('bypassed');
      next(x);
    });
}

function isAddress(signer: Uint8Array, address: string): boolean {
  return Buffer.from(signer.buffer, signer.byteOffset, 20).toString('hex') === address.slice(2);
}

/** A full pool is a matter of load; anything else is a fault of this program. */
function recoveryError(cause: unknown): NodeError {
  if (toNodeError(cause).code !== 'compute_failed') return new NodeError('internal_error', { cause });
  return new NodeError('queue_full', { message: 'Too many signatures wait to be checked.', cause });
}

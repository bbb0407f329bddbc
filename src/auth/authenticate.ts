/**
 * The authentication layer. Checks in an order that costs strangers nothing: form, clock and caller before the
 * body is read, the signature before anything is stored, the nonce last. How a request is signed is its scheme's
 * matter. Runs on the fronts.
 */
import type { ErrorCodeName } from '../errors/codes.js';
import { NodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import type { RequestHead } from '../http/requestHead.js';
import type { Handler, Layer } from '../http/route.js';
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { ClaimResult } from '../lib/nonceClaim.js';
import type { CallerAuthority } from './authority.js';
import { type ClockWindow, timestampRefusal } from './clockWindow.js';
import type { NonceStore } from './nonceStore.js';
import type { ClaimedCaller, SignatureScheme, SignedClaim } from './signedClaim.js';

export type AuthOutcome = 'accepted' | 'bypassed' | 'error' | ErrorCodeName;

/** The ways to sign that this node takes; an absent one does not exist for it. */
export interface SignatureSchemes {
  readonly legacy: SignatureScheme | undefined;
  /** HTTP message signatures: `rfc9421` and `session`. */
  readonly messages: SignatureScheme | undefined;
}

export interface AuthenticationOptions {
  readonly clock: Clock;
  readonly window: ClockWindow;
  readonly nonces: NonceStore;
  readonly schemes: SignatureSchemes;
  /** Makes sure that a second ahead of the clock is on disk; see `replayMark.ts`. */
  readonly recordMark: (second: number) => Promise<void>;
  /** The second that is known to be on disk. */
  readonly recordedMarkS: () => number;
  readonly count: (outcome: AuthOutcome) => void;
}

/** Lets through only requests that a caller known to `authority` signed, each once. */
export function authenticate(options: AuthenticationOptions, authority: CallerAuthority): Layer {
  const { clock, window, nonces, schemes, count } = options;

  const refuse = (x: Exchange, error: NodeError): void => {
    count(error.code);
    x.fail(error);
  };

  const claimAndServe = (x: Exchange, claim: SignedClaim, caller: ClaimedCaller, next: Handler): void => {
    const nowS = nowSeconds(clock);
    const { nonce, signedAtS, endsAtS } = claim;
    const serve = (): void => {
      count('accepted');
      x.caller = caller.address;
      x.signedBy = claim.scheme;
      next(x);
    };
    const serveOnceMarked = (): void => {
      if (signedAtS <= nowS || signedAtS <= options.recordedMarkS()) {
        serve();
        return;
      }
      options.recordMark(signedAtS).then(
        () => x.attempt(serve),
        (cause: unknown) => {
          const message = 'The replay mark cannot be recorded.';
          refuse(x, new NodeError('replay_table_full', { message, cause }));
        },
      );
    };
    const request = { caller: caller.words, nonce, timestampS: signedAtS, expiresAtS: endsAtS, nowS };
    nonces.claim(request, (result, retryAfterS) =>
      x.attempt(() => {
        if (result === 'claimed') serveOnceMarked();
        else refuse(x, new NodeError(claimRefusals[result], { meta: retryAfterS ? { retryAfterS } : {} }));
      }),
    );
  };

  const timeRefusal = ({ signedAtS, endsAtS, timestampName }: SignedClaim): NodeError | undefined => {
    const nowS = nowSeconds(clock);
    const refusal = timestampRefusal(signedAtS, nowS, window, timestampName);
    if (refusal !== undefined || nowS < endsAtS) return refusal;
    return new NodeError('auth_expired', { message: 'The signature has expired.' });
  };

  const verify = (x: Exchange, claim: SignedClaim, caller: ClaimedCaller, next: Handler): void =>
    claim.verify(x.body, (forged) =>
      x.attempt(() => {
        if (forged !== undefined) {
          count(forged.code === 'auth_bad_signature' ? forged.code : 'error');
          x.fail(forged);
          return;
        }
        // Again, because a body may take long to arrive: its nonce must not be free before it is claimed, and
        // the caller may have been removed meanwhile.
        const refusal = timeRefusal(claim) ?? standingRefusal(authority, caller);
        if (refusal === undefined) claimAndServe(x, claim, caller, next);
        else refuse(x, refusal);
      }),
    );

  /** Once the signature has expired the rest of a body is of no use to anybody. */
  const timeLeftMs = ({ endsAtS }: SignedClaim): number => Math.max(0, endsAtS * 1_000 - clock.nowMs());
  const bodyTooLate = (): NodeError => {
    count('auth_expired');
    return new NodeError('auth_expired', { message: 'The signature expired before the body was there.' });
  };

  const receive = (x: Exchange, claim: SignedClaim, caller: ClaimedCaller, next: Handler): void => {
    const refusal = standingRefusal(authority, caller);
    if (refusal === undefined)
      x.receiveBody(() => verify(x, claim, caller, next), timeLeftMs(claim), bodyTooLate);
    else refuse(x, refusal);
  };

  /** For a claim that names no caller itself. */
  const identify = (x: Exchange, claim: SignedClaim, next: Handler): void => {
    let isSameTick = true;
    let isIdentified = false;
    let isReceived = false;
    let unknown: NodeError | undefined;
    const goOn = (): void => {
      const { caller } = claim;
      if (unknown !== undefined || caller === undefined) {
        refuse(x, unknown ?? new NodeError('auth_unknown_caller'));
        return;
      }
      if (isSameTick) {
        receive(x, claim, caller, next);
        return;
      }
      const refusal = standingRefusal(authority, caller);
      if (refusal === undefined) verify(x, claim, caller, next);
      else refuse(x, refusal);
    };
    claim.identify((refusal) => {
      unknown = refusal;
      isIdentified = true;
      if (isSameTick || isReceived) x.attempt(goOn);
    });
    if (isIdentified) return;
    // uWS drops a body that nobody asks for in the request's own tick, so it is received while the store answers.
    isSameTick = false;
    x.receiveBody(
      () => {
        isReceived = true;
        if (isIdentified) goOn();
      },
      timeLeftMs(claim),
      bodyTooLate,
    );
  };

  return (next) => (x) => {
    x.phase = 'authenticate';
    const claim = readClaim(schemes, x.head);
    if (claim instanceof NodeError) {
      refuse(x, claim);
      return;
    }
    const refusal = timeRefusal(claim);
    if (refusal !== undefined) refuse(x, refusal);
    else if (claim.caller === undefined) identify(x, claim, next);
    else receive(x, claim, claim.caller, next);
  };
}

/** Where message signatures are taken and one is there, the legacy headers do not count. */
function readClaim({ legacy, messages }: SignatureSchemes, head: RequestHead): SignedClaim | NodeError {
  if (messages !== undefined && head.headers.has('signature-input')) return messages.read(head);
  if (legacy !== undefined) return legacy.read(head);
  const message = 'This node takes requests with Signature-Input and Signature (RFC 9421) only.';
  return new NodeError('auth_missing', { message });
}

const claimRefusals = {
  replayed: 'auth_replayed',
  full: 'replay_table_full',
  expired: 'auth_expired',
  unavailable: 'replay_store_unavailable',
} as const satisfies Record<Exclude<ClaimResult, 'claimed'>, ErrorCodeName>;

function standingRefusal(authority: CallerAuthority, caller: ClaimedCaller): NodeError | undefined {
  const standing = authority.standingOf(caller.words);
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

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
import type { ClaimedCaller, SignatureScheme, SignedClaim, Verdict } from './signedClaim.js';

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
  const bodyTooLate = (): NodeError => {
    options.count('auth_expired');
    return new NodeError('auth_expired', { message: 'The signature expired before the body was there.' });
  };
  const checks: Checks = { ...options, authority, bodyTooLate };
  return (next) => (x) => {
    x.phase = 'authenticate';
    const claim = readClaim(options.schemes, x.head);
    if (claim instanceof NodeError) {
      options.count(claim.code);
      x.fail(claim);
    } else {
      new SignedRequest(checks, x, claim, next).begin();
    }
  };
}

interface Checks extends AuthenticationOptions {
  readonly authority: CallerAuthority;
  readonly bodyTooLate: () => NodeError;
}

/** The way of one request through the checks: an object, because a closure for each of its steps costs more. */
class SignedRequest {
  readonly #checks: Checks;
  readonly #x: Exchange;
  readonly #claim: SignedClaim;
  readonly #next: Handler;

  constructor(checks: Checks, x: Exchange, claim: SignedClaim, next: Handler) {
    this.#checks = checks;
    this.#x = x;
    this.#claim = claim;
    this.#next = next;
  }

  begin(): void {
    const refusal = this.#timeRefusal(nowSeconds(this.#checks.clock));
    if (refusal !== undefined) this.#refuse(refusal);
    else if (this.#claim.caller === undefined) this.#identify();
    else this.#receive(this.#claim.caller);
  }

  /** For a claim that names no caller itself. */
  #identify(): void {
    let isSameTick = true;
    let isIdentified = false;
    let isReceived = false;
    let unknown: NodeError | undefined;
    const goOn = (): void => {
      const { caller } = this.#claim;
      if (unknown !== undefined || caller === undefined) {
        this.#refuse(unknown ?? new NodeError('auth_unknown_caller'));
        return;
      }
      if (isSameTick) {
        this.#receive(caller);
        return;
      }
      const refusal = standingRefusal(this.#checks.authority, caller);
      if (refusal === undefined) this.#verify(caller);
      else this.#refuse(refusal);
    };
    this.#claim.identify((refusal) => {
      unknown = refusal;
      isIdentified = true;
      if (isSameTick || isReceived) this.#x.attempt(goOn);
    });
    if (isIdentified) return;
    // uWS drops a body that nobody asks for in the request's own tick, so it is received while the store answers.
    isSameTick = false;
    this.#receiveBody(() => {
      isReceived = true;
      if (isIdentified) goOn();
    });
  }

  #receive(caller: ClaimedCaller): void {
    const refusal = standingRefusal(this.#checks.authority, caller);
    if (refusal === undefined) this.#receiveBody(() => this.#verify(caller));
    else this.#refuse(refusal);
  }

  #receiveBody(next: () => void): void {
    const { clock, bodyTooLate } = this.#checks;
    // Once the signature has expired the rest of a body is of no use to anybody.
    const timeLeftMs = Math.max(0, this.#claim.endsAtS * 1_000 - clock.nowMs());
    this.#x.receiveBody(next, timeLeftMs, bodyTooLate);
  }

  #verify(caller: ClaimedCaller): void {
    const verdict = this.#claim.verify(this.#x.body);
    if (verdict instanceof Promise) {
      void verdict.then((later) => this.#x.attempt(() => this.#goOn(later, caller)));
    } else {
      this.#goOn(verdict, caller);
    }
  }

  #goOn(forged: Verdict, caller: ClaimedCaller): void {
    const { authority, clock, count } = this.#checks;
    if (forged !== undefined) {
      count(forged.code === 'auth_bad_signature' ? forged.code : 'error');
      this.#x.fail(forged);
      return;
    }
    // Again, because a body may take long to arrive: its nonce must not be free before it is claimed, and
    // the caller may have been removed meanwhile.
    const nowS = nowSeconds(clock);
    const refusal = this.#timeRefusal(nowS) ?? standingRefusal(authority, caller);
    if (refusal === undefined) this.#claimNonce(caller, nowS);
    else this.#refuse(refusal);
  }

  #claimNonce(caller: ClaimedCaller, nowS: number): void {
    const { nonce, signedAtS, endsAtS } = this.#claim;
    const request = { caller: caller.words, nonce, timestampS: signedAtS, expiresAtS: endsAtS, nowS };
    this.#checks.nonces.claim(request, (result, retryAfterS) =>
      this.#x.attempt(() => {
        if (result === 'claimed') this.#serveOnceMarked(caller, nowS);
        else this.#refuse(new NodeError(claimRefusals[result], { meta: retryAfterS ? { retryAfterS } : {} }));
      }),
    );
  }

  #serveOnceMarked(caller: ClaimedCaller, nowS: number): void {
    const { recordedMarkS, recordMark } = this.#checks;
    const { signedAtS } = this.#claim;
    if (signedAtS <= nowS || signedAtS <= recordedMarkS()) {
      this.#serve(caller);
      return;
    }
    recordMark(signedAtS).then(
      () => this.#x.attempt(() => this.#serve(caller)),
      (cause: unknown) => {
        const message = 'The replay mark cannot be recorded.';
        this.#refuse(new NodeError('replay_table_full', { message, cause }));
      },
    );
  }

  #serve(caller: ClaimedCaller): void {
    const x = this.#x;
    this.#checks.count('accepted');
    x.caller = caller.address;
    x.signedBy = this.#claim.scheme;
    this.#next(x);
  }

  #refuse(error: NodeError): void {
    this.#checks.count(error.code);
    this.#x.fail(error);
  }

  #timeRefusal(nowS: number): NodeError | undefined {
    const { signedAtS, endsAtS, timestampName } = this.#claim;
    const refusal = timestampRefusal(signedAtS, nowS, this.#checks.window, timestampName);
    if (refusal !== undefined || nowS < endsAtS) return refusal;
    return new NodeError('auth_expired', { message: 'The signature has expired.' });
  }
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

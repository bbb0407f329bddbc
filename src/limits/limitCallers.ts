/**
 * The layer that holds callers to their limits. It stands behind authentication, so that only callers whom a
 * registry knows are counted, and before anything is forwarded. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import type { Handler, Layer } from '../http/route.js';
import { type AddressText, addressBytes } from '../lib/address.js';
import { addressWords } from '../lib/addressWords.js';
import type { CallerLimits, LimitAdmission, LimitRefusal, LimitVerdict } from '../lib/callerLimits.js';
import type { TokenUsage } from '../lib/inferenceRecord.js';
import { limitHeaders } from './limitHeaders.js';
import type { LimitStore } from './limitStore.js';

export interface LimitOptions {
  readonly limits: CallerLimits;
  readonly store: LimitStore;
  readonly countRefusal: (limit: LimitRefusal['refusedBy']) => void;
}

export function limitCallers({ limits, store, countRefusal }: LimitOptions): Layer {
  const addHeaders = (x: Exchange, { levels }: LimitAdmission | LimitRefusal): void =>
    limitHeaders(limits, levels, (name, value) => x.setHeader(name, value));

  const settle = (x: Exchange, verdict: LimitVerdict, next: Handler): void => {
    if (verdict === 'unavailable') {
      x.attempt(() => x.fail(new NodeError('limits_unavailable')));
    } else if (verdict.isAdmitted) {
      // Also for an exchange that has ended while the store was asked: then it is called at once.
      x.onEnd(() => leaveLater(x, verdict));
      x.attempt(() => {
        addHeaders(x, verdict);
        next(x);
      });
    } else {
      countRefusal(verdict.refusedBy);
      x.attempt(() => {
        addHeaders(x, verdict);
        x.fail(limitError(verdict));
      });
    }
  };

  return (next) => (x) => {
    x.phase = 'admit';
    // Nobody signed where authentication is bypassed, so there is nobody to hold to a limit.
    if (x.caller === undefined) {
      next(x);
      return;
    }
    const caller = addressWords(addressBytes(x.caller as AddressText));
    store.enter(caller, (verdict) => settle(x, verdict, next));
  };
}

/** In a microtask: whatever else waits for the end of the exchange may be what counts its tokens. */
function leaveLater(x: Exchange, admission: LimitAdmission): void {
  queueMicrotask(() => admission.leave(tokensOf(x.inference?.usage)));
}

function tokensOf(usage: TokenUsage | undefined): number {
  return usage === undefined ? 0 : usage.inputTokens + usage.outputTokens;
}

const refusals = {
  requests: 'This caller sends more requests a second than it may.',
  streams: 'This caller has as many requests open as it may.',
  tokens: 'This caller has used its tokens of this minute.',
} as const satisfies Record<LimitRefusal['refusedBy'], string>;

function limitError({ refusedBy, retryAfterMs }: LimitRefusal): NodeError {
  const retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return new NodeError('rate_limited', { message: refusals[refusedBy], meta: { retryAfterS, refusedBy } });
}

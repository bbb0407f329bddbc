/**
 * Used nonces in Redis or Valkey, for several nodes with one identity: what `auth/nonceStore.ts` asks for. One
 * round trip per claim. Only an answer of a store that still is the one that was checked lets a request through;
 * everything else, silence included, refuses. Runs on the fronts.
 */
import type { ClaimResult, NonceClaim } from '../lib/nonceClaim.js';
import { StoreFailure } from './storeFailure.js';
import { clockToleranceS, type StoreLink } from './storeLink.js';
import type { ObserveStore } from './storeObserver.js';

export interface RedisNonces {
  /** `retryAfterS` comes with `unavailable` when it is known. */
  claim(claim: NonceClaim, done: (result: ClaimResult, retryAfterS?: number) => void): void;
}

/**
 * How far the clock that judged a request may be from the store's when the claim arrives: the tolerance, the
 * rounding of both to seconds, and the way there.
 */
const claimToleranceS = clockToleranceS + 1;

export function createRedisNonces(link: StoreLink, maxSkewS: number, observe: ObserveStore): RedisNonces {
  /**
   * The store counts an entry's life from its own clock. Another node whose clock is behind accepts the request
   * for longer than this one would, by at most twice what a claim may be off; `maxSkew`, which is what the operator
   * thinks clocks may differ by, where that is more.
   */
  const marginS = Math.max(maxSkewS, 2 * claimToleranceS) + 1;

  return {
    claim({ caller, nonce, timestampS, expiresAtS, nowS }, done) {
      const store = link.current;
      if (store === undefined) {
        done('unavailable');
        return;
      }
      const { connection, markerValue, markS } = store;
      if (nowS <= markS) {
        // Callers that are told to sign again would only be refused again.
        done('unavailable', markS - nowS + 1);
        return;
      }
      if (timestampS <= markS || expiresAtS <= nowS) {
        done('expired');
        return;
      }
      const lifetimeMs = (expiresAtS - nowS + marginS) * 1_000;
      const finish = observe('claim');
      let wasFree = false;
      let refusal: StoreFailure | undefined;
      const key = link.keys.nonce(caller, nonce);
      connection.send(['SET', key, '1', 'NX', 'PX', String(lifetimeMs)], (reply, failure) => {
        wasFree = reply === 'OK';
        refusal = failure;
      });
      // The clock may have been set, or this whole machine have slept, since the link compared it with the store's:
      // a request is then judged by a time at which the store has forgotten it, or will while others still take it.
      connection.send(['TIME'], (time, failure) => {
        refusal ??= failure ?? clockFailure(time, nowS);
        if (refusal?.kind === 'clock') link.distrust(refusal);
      });
      // Behind the claim, in the same packet: had the store lost its memory before the claim, the marker would be
      // gone with it.
      connection.send(['GET', link.keys.marker], (marker, failure) => {
        refusal ??= failure;
        if (refusal === undefined && marker !== markerValue) {
          refusal = new StoreFailure('changed', 'the marker is not what it was');
          link.distrust(refusal);
        }
        finish(refusal);
        if (refusal !== undefined) done(refusalOf(refusal));
        else done(wasFree ? 'claimed' : 'replayed');
      });
    },
  };
}

function clockFailure(time: unknown, nowS: number): StoreFailure | undefined {
  const storeS = Number(Array.isArray(time) ? time[0] : undefined);
  if (Math.abs(storeS - nowS) <= claimToleranceS) return undefined;
  return new StoreFailure('clock', "this node's clock was set, or stood still, since it was compared", {
    remedy: 'let NTP slew the clock rather than set it',
  });
}

/** A store without eviction that is full refuses to write, and says so in this way. */
function refusalOf({ kind, message }: StoreFailure): ClaimResult {
  return kind === 'reply' && message.startsWith('OOM') ? 'full' : 'unavailable';
}

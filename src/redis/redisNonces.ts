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

export function createRedisNonces(link: StoreLink, maxSkewS: number, observe: ObserveStore): RedisNonces {
  /**
   * The store counts an entry's life from its own clock. Another node whose clock is behind accepts the request
   * for longer than this one would, by at most twice the tolerance; `maxSkew`, which is what the operator thinks
   * clocks may differ by, where that is more.
   */
  const marginS = Math.max(maxSkewS, 2 * clockToleranceS) + 1;

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

/** A store without eviction that is full refuses to write, and says so in this way. */
function refusalOf({ kind, message }: StoreFailure): ClaimResult {
  return kind === 'reply' && message.startsWith('OOM') ? 'full' : 'unavailable';
}

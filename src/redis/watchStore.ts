/**
 * Main's own link to the shared store: tells the operator whether it can be used, in the log, on `/ready` and in
 * the metrics, once for all fronts. Runs in main.
 */
import type { Config } from '../config/config.js';
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { Logger } from '../logger/logger.js';
import { storeKeys } from './storeKeys.js';
import { openStoreLink } from './storeLink.js';

export interface StoreStatus {
  readonly up: boolean;
  /** Why requests are refused, in words for the operator; absent while they are not. */
  readonly problem?: string;
}

export interface StoreWatch {
  status(): StoreStatus;
  close(): void;
}

export interface WatchStoreOptions {
  readonly config: Config;
  readonly address: string;
  readonly isFirstUse: boolean;
  readonly clock: Clock;
  /** Whether every front that serves has a link of its own. */
  readonly isUsableForAll: () => boolean;
  readonly log: Logger;
}

export function watchStore({
  config,
  address,
  isFirstUse,
  clock,
  isUsableForAll,
  log,
}: WatchStoreOptions): StoreWatch {
  /** What was logged last; a store that stays away is one line. */
  let said: string | undefined;
  const link = openStoreLink({
    url: config.nonceCache.redisUrl,
    keys: storeKeys(config.chainId, address),
    clock,
    maxSkewS: Math.floor(config.auth.maxSkew / 1_000),
    isFirstUse,
    report(failure) {
      if (failure === undefined) {
        const safeInS = secondsUntilSafe();
        log.info({ safeInS }, 'the shared store can be used');
        said = undefined;
        return;
      }
      const { kind, message, remedy } = failure;
      if (said === kind) return;
      said = kind;
      log.error({ kind, reason: message, remedy }, 'the shared store cannot be used: requests are refused');
    },
  });
  /** How long requests are still refused because the store does not remember what was served before. */
  const secondsUntilSafe = (): number =>
    link.current === undefined ? 0 : Math.max(0, link.current.markS - nowSeconds(clock) + 1);

  return {
    status() {
      if (link.current === undefined) {
        return { up: false, problem: link.failure?.message ?? 'not reached yet' };
      }
      const safeInS = secondsUntilSafe();
      if (safeInS > 0) {
        return { up: false, problem: `it remembers too little yet; requests are served in ${safeInS} s` };
      }
      if (!isUsableForAll()) return { up: false, problem: 'not every front has reached it' };
      return { up: true };
    },
    close: () => link.close(),
  };
}

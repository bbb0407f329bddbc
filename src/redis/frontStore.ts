/** What a front has of the shared store: one link, and the tables that live behind it. Runs on the fronts. */
import type { Config } from '../config/config.js';
import type { CallerLimits } from '../lib/callerLimits.js';
import type { Clock } from '../lib/clock.js';
import { createStoreMetrics } from '../metrics/storeMetrics.js';
import type { MetricsRegistry } from '../metrics/threadMetrics.js';
import { createRedisLimits, type RedisLimits } from './redisLimits.js';
import { createRedisNonces, type RedisNonces } from './redisNonces.js';
import { createRedisSessions, type RedisSessions } from './redisSessions.js';
import { storeKeys } from './storeKeys.js';
import { openStoreLink } from './storeLink.js';
import type { ObserveStore } from './storeObserver.js';

export interface FrontStore {
  readonly nonces: RedisNonces;
  readonly limits: RedisLimits | undefined;
  readonly sessions: RedisSessions;
  close(): void;
}

/** What main derives from the node's key, and a front gets to work with. */
export interface StoreAccess {
  /** Of the node's key: all nodes that have it share what is stored. */
  readonly address: string;
  /** Encrypts sessions; see `sealedSession.ts`. */
  readonly sessionKey: Uint8Array;
  /** Whether this node never used a shared store before. */
  readonly isFirstUse: boolean;
}

export interface FrontStoreOptions extends StoreAccess {
  readonly config: Config;
  readonly limits: CallerLimits | undefined;
  readonly clock: Clock;
  readonly metricsRegistry: MetricsRegistry;
  /** Told whenever that changes, and perhaps when it does not. */
  readonly onUsable: (isUsable: boolean) => void;
}

export function openFrontStore(options: FrontStoreOptions): FrontStore {
  const { config, address, sessionKey, isFirstUse, limits, clock, metricsRegistry, onUsable } = options;
  const metrics = createStoreMetrics(metricsRegistry);
  const maxSkewS = Math.floor(config.auth.maxSkew / 1_000);
  const observe: ObserveStore = (operation) => {
    const startedAtMs = performance.now();
    return (failure) => {
      metrics.observe(operation, (performance.now() - startedAtMs) / 1_000);
      if (failure !== undefined) metrics.countError(failure.kind);
    };
  };
  const link = openStoreLink({
    url: config.nonceCache.redisUrl,
    keys: storeKeys(config.chainId, address),
    clock,
    maxSkewS,
    isFirstUse,
    report: (failure) => {
      onUsable(failure === undefined);
      if (failure !== undefined) metrics.countError(failure.kind);
    },
  });
  return {
    nonces: createRedisNonces(link, maxSkewS, observe),
    limits: limits === undefined ? undefined : createRedisLimits(link, limits, observe),
    sessions: createRedisSessions({
      link,
      storeKey: sessionKey,
      perCaller: config.auth.session.perCaller,
      clock,
      observe,
    }),
    close: () => link.close(),
  };
}

/**
 * The store that several nodes share, where one is configured: what opens it, which a front is given, and main's own
 * watch over it. Runs in main.
 */
import type { Config } from '../config/config.js';
import type { NodeKey } from '../keys/nodeKey.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../logger/logger.js';
import { addStoreGauge } from '../metrics/storeMetrics.js';
import type { MetricsRegistry } from '../metrics/threadMetrics.js';
import type { StoreAccess } from '../redis/frontStore.js';
import { sessionStorePurpose } from '../redis/sealedSession.js';
import { type StoreWatch, watchStore } from '../redis/watchStore.js';

export interface StoreOptions {
  readonly config: Config;
  readonly key: NodeKey;
  /** Whether this node used a shared store never before, or not since it last used its own memory. */
  readonly isFirstUse: boolean;
  /** Whether every front that serves has a link of its own. */
  readonly isUsableForAll: () => boolean;
  readonly metricsRegistry: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SharedStore extends StoreWatch {
  readonly access: StoreAccess;
}

/** `undefined` where the node has its own memory only. */
export function startStore(options: StoreOptions): SharedStore | undefined {
  const { config, key, isFirstUse, isUsableForAll, metricsRegistry, clock, log } = options;
  if (config.nonceCache.store !== 'redis') return undefined;
  const { address } = key;
  const watch = watchStore({ config, address, isFirstUse, clock, isUsableForAll, log });
  addStoreGauge(metricsRegistry, () => watch.status().up);
  return { ...watch, access: { address, sessionKey: key.deriveSecret(sessionStorePurpose), isFirstUse } };
}

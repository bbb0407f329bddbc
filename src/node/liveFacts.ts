/** What main can read of the node at once, for its status. Runs in main. */
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { StoreWatch } from '../redis/watchStore.js';
import type { Drain } from './drain.js';
import type { LiveFacts } from './nodeStatus.js';
import type { SettingsInForce } from './settingsInForce.js';
import type { SharedTables } from './sharedTables.js';
import type { Fronts } from './startFronts.js';
import type { ModelsInForce } from './startModels.js';
import type { ThreadFailures } from './threadFailures.js';

export interface LiveFactsOptions {
  readonly settings: SettingsInForce;
  readonly models: Pick<ModelsInForce, 'routed' | 'models' | 'backends'>;
  readonly fronts: Pick<Fronts, 'serving'>;
  readonly failures: Pick<ThreadFailures, 'restarts'>;
  readonly drain: Pick<Drain, 'hasBegun'>;
  /** `undefined` where none is configured. */
  readonly store: Pick<StoreWatch, 'status'> | undefined;
  readonly tables: Pick<SharedTables, 'replayTable'>;
  readonly clock: Clock;
}

export function readLiveFacts(options: LiveFactsOptions): LiveFacts {
  const { settings, models, fronts, failures, drain, store, tables, clock } = options;
  return {
    isDraining: drain.hasBegun,
    servingFronts: fronts.serving,
    restarts: failures.restarts,
    models: models.models(),
    backends: models.backends(),
    replayTable: {
      entries: tables.replayTable.count(nowSeconds(clock)),
      capacity: settings.loaded.config.nonceCache.capacity,
    },
    store: store?.status(),
    configuration: {
      loadedAtMs: models.routed.loadedAt * 1_000,
      needRestart: settings.needRestart,
    },
  };
}

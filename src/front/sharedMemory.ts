/** The memory that main creates and all fronts share, as large as the configuration asks for. Runs in main. */
import type { Config } from '../config/config.js';
import { callerLimits } from '../lib/callerLimits.js';
import { createRegistryCell } from '../registry/registrySnapshot.js';
import { createBackendHealth } from '../shm/backendHealth.js';
import { createBreakers } from '../shm/breakers.js';
import { createFrontTotals } from '../shm/frontTotals.js';
import { createFrontVitals } from '../shm/frontVitals.js';
import { createInFlightTable } from '../shm/inFlightTable.js';
import { createLimitTable } from '../shm/limitTable.js';
import { createReplayTable } from '../shm/replayTable.js';
import { createSessionTable } from '../shm/sessionTable.js';
import { createWaitingLines } from '../shm/waitingLines.js';

export interface SharedMemory {
  readonly gatewayCell: SharedArrayBuffer;
  readonly providerCell: SharedArrayBuffer;
  readonly replayTable: SharedArrayBuffer;
  readonly sessions: SharedArrayBuffer;
  readonly inFlight: SharedArrayBuffer;
  /** `undefined` where this process has no limits to count. */
  readonly limits: SharedArrayBuffer | undefined;
  readonly vitals: SharedArrayBuffer;
  readonly totals: SharedArrayBuffer;
  readonly health: SharedArrayBuffer;
  readonly breakers: SharedArrayBuffer;
  readonly waitingLines: SharedArrayBuffer;
}

/** Over all callers: 2.6 MB, of which only what is used is ever touched. */
const maxSessions = 16_384;

export function createSharedMemory(config: Config, fronts: number): SharedMemory {
  const lifetimeMs = config.auth.maxAge + config.auth.maxSkew;
  return {
    gatewayCell: createRegistryCell(),
    providerCell: createRegistryCell(),
    replayTable: createReplayTable({
      capacity: config.nonceCache.capacity,
      maxLifetimeS: Math.ceil(lifetimeMs / 1_000) + 2,
    }),
    sessions: createSessionTable({ capacity: maxSessions, perCaller: config.auth.session.perCaller }),
    inFlight: createInFlightTable(fronts),
    vitals: createFrontVitals(fronts),
    totals: createFrontTotals(fronts),
    health: createBackendHealth(),
    breakers: createBreakers(),
    waitingLines: createWaitingLines({ fronts, capacity: waitingCapacity(config.proxy.queue.maxWaiting) }),
    limits:
      callerLimits(config.limits) === undefined || config.nonceCache.store === 'redis'
        ? undefined
        : createLimitTable({ fronts }),
  };
}

/** Lines are bounded per model; this bounds them all together. Memory that nobody waits in is never touched. */
const waitingCapacity = (maxWaiting: number): number => Math.min(1_048_576, 64 * maxWaiting);

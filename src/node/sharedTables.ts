/** Main's view of the memory that it shares with the fronts. Runs in main. */
import type { Config } from '../config/config.js';
import type { SharedMemory } from '../front/sharedMemory.js';
import { callerLimits } from '../lib/callerLimits.js';
import { BackendHealth } from '../shm/backendHealth.js';
import { Breakers } from '../shm/breakers.js';
import { FrontTotals } from '../shm/frontTotals.js';
import { FrontVitals } from '../shm/frontVitals.js';
import { InFlightTable } from '../shm/inFlightTable.js';
import { LimitTable } from '../shm/limitTable.js';
import { ReplayTable } from '../shm/replayTable.js';
import { WaitingLines } from '../shm/waitingLines.js';

export interface SharedTables {
  readonly inFlight: InFlightTable;
  readonly vitals: FrontVitals;
  readonly totals: FrontTotals;
  readonly replayTable: ReplayTable;
  readonly lines: WaitingLines;
  readonly breakers: Breakers;
  readonly health: BackendHealth;
  /** Takes out what a front that ended has left there. */
  clearFront(front: number): void;
}

export function openSharedTables(memory: SharedMemory, config: Config): SharedTables {
  const inFlight = new InFlightTable(memory.inFlight);
  const vitals = new FrontVitals(memory.vitals);
  const totals = new FrontTotals(memory.totals);
  const lines = new WaitingLines(memory.waitingLines);
  const breakers = new Breakers(memory.breakers, {
    failures: config.proxy.breaker.failures,
    openForMs: config.proxy.breaker.openFor,
  });
  const limits = callerLimits(config.limits);
  const limitTable =
    limits === undefined || memory.limits === undefined ? undefined : new LimitTable(memory.limits, limits);
  return {
    inFlight,
    vitals,
    totals,
    replayTable: new ReplayTable(memory.replayTable),
    lines,
    breakers,
    health: new BackendHealth(memory.health),
    clearFront(front) {
      // In this order: a place may be granted to one of its requests until they are out of the lines.
      lines.clearFront(front);
      inFlight.clearFront(front);
      breakers.clearFront(front);
      limitTable?.clearFront(front);
      vitals.setStoreUsable(front, false);
      totals.clearFront(front);
    },
  };
}

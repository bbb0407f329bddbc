/** The node's way out: no new requests, and the open ones may end, at most for the drain timeout. Runs in main. */
import type { Logger } from '../logger/logger.js';
import { requestColumn } from '../shm/inFlightTable.js';
import type { SharedTables } from './sharedTables.js';
import type { Fronts } from './startFronts.js';

export interface DrainOptions {
  readonly fronts: Pick<Fronts, 'drain'>;
  readonly tables: Pick<SharedTables, 'inFlight'>;
  readonly timeoutMs: number;
  readonly log: Logger;
}

export interface Drain {
  readonly hasBegun: boolean;
  /** Resolves when no request is open any more, or the time is up. */
  run(): Promise<void>;
}

const pollMs = 50;

export function createDrain({ fronts, tables, timeoutMs, log }: DrainOptions): Drain {
  const inFlight = (): number => tables.inFlight.total(requestColumn);
  let hasBegun = false;
  return {
    get hasBegun() {
      return hasBegun;
    },
    async run() {
      hasBegun = true;
      log.info({ inFlight: inFlight() }, 'draining');
      await fronts.drain();
      const deadlineMs = performance.now() + timeoutMs;
      while (inFlight() > 0 && performance.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
      const cut = inFlight();
      if (cut > 0) log.warn({ cut }, 'the drain timeout cuts open requests');
    },
  };
}

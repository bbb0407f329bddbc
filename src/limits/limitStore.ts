/**
 * Where it is counted what callers have used: in memory that the fronts share, or in a store that several nodes
 * share (`src/redis/redisLimits.ts`). The layer is handed one and does not care which. Runs on the fronts.
 */
import type { LimitVerdict } from '../lib/callerLimits.js';
import { monotonicNs } from '../lib/monotonicClock.js';
import type { LimitTable } from '../shm/limitTable.js';

export interface LimitStore {
  /**
   * Asks for one more request of the caller, an address as five words. May call back in the same tick; never
   * throws. Whoever is admitted must leave, also when its client has gone meanwhile.
   */
  enter(caller: Int32Array, done: (verdict: LimitVerdict) => void): void;
}

export function inMemoryLimits(table: LimitTable, front: number, nowNs = monotonicNs): LimitStore {
  return {
    enter(caller, done) {
      const verdict = table.enter(caller, front, nowNs());
      if (verdict === 'full') {
        done('unavailable');
      } else if (verdict.isAdmitted) {
        const { levels, row } = verdict;
        done({
          isAdmitted: true,
          levels,
          leave: (tokens) => table.leave(row, front, tokens, nowNs()),
        });
      } else {
        done(verdict);
      }
    },
  };
}

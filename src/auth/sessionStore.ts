/**
 * Where session keys are remembered: in memory that the fronts share, or in a store that several nodes share.
 * Authentication is handed one and does not care which. Runs on the fronts.
 */
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { Session, SessionFindResult, SessionPutResult } from '../lib/session.js';
import type { SessionTable } from '../shm/sessionTable.js';

export interface SessionStore {
  /** Stores a new session. May call back in the same tick; never throws. */
  put(session: Session, done: (result: SessionPutResult) => void): void;
  /** Finds a session that has not ended. May call back in the same tick; never throws. */
  find(id: string, done: (found: SessionFindResult) => void): void;
}

export function inMemorySessions(table: SessionTable, clock: Clock): SessionStore {
  return {
    put: (session, done) => done(table.put(session, nowSeconds(clock))),
    find: (id, done) => done(table.find(id, nowSeconds(clock)) ?? 'unknown'),
  };
}

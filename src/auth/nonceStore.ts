/**
 * Where used nonces are remembered: in memory that the fronts share, or in a store that several nodes share.
 * Authentication is handed one and does not care which. Runs on the fronts.
 */
import type { ClaimResult, NonceClaim } from '../lib/nonceClaim.js';
import type { ReplayTable } from '../shm/replayTable.js';

export interface NonceStore {
  /**
   * Claims a pair once, for a request whose signature was verified. May call back in the same tick; never throws.
   * `retryAfterS` may come with `unavailable`.
   */
  claim(claim: NonceClaim, done: (result: ClaimResult, retryAfterS?: number) => void): void;
}

export function inMemoryNonces(table: ReplayTable): NonceStore {
  return { claim: (claim, done) => done(table.claim(claim)) };
}

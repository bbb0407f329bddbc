/** Challenges that failed one after the other by a fault of this node; what a scheduler does wrong does not count. Runs in main. */
import { type ErrorCodeName, errorCodes } from '../errors/codes.js';

export interface FailureStreak {
  readonly failedInARow: number;
  /** The code of the last failure; `undefined` when there was none. */
  readonly lastFailure: string | undefined;
  /** @param outcome `answered`, `left` or an error code */
  add(outcome: string): void;
}

export function createFailureStreak(): FailureStreak {
  let failedInARow = 0;
  let lastFailure: string | undefined;
  return {
    get failedInARow() {
      return failedInARow;
    },
    get lastFailure() {
      return lastFailure;
    },
    add(outcome) {
      if (outcome === 'answered') {
        failedInARow = 0;
        return;
      }
      const source = Object.hasOwn(errorCodes, outcome)
        ? errorCodes[outcome as ErrorCodeName].source
        : undefined;
      if (source !== 'internal') return;
      failedInARow++;
      lastFailure = outcome;
    },
  };
}

/**
 * What all fronts have counted, for the console: a row of 32-bit counters per front, which only that front adds to, so
 * that main can read them every second without asking anybody. They run over; main adds differences up. A front that
 * is started anew goes on counting in its row. Runs on the fronts (write) and in main (read).
 *
 *   row   counts │ authentication outcomes │ buckets of durations │ buckets of times to first token │ filler
 */
import { errorCodes } from '../errors/codes.js';
import { durationBucket, durationBuckets } from '../lib/durationBuckets.js';

/** Columns of a row. `openStreams` goes up and down, all others only up. */
export const totalsColumn = {
  completed: 0,
  clientErrors: 1,
  serverErrors: 2,
  left: 3,
  /** Answered with 5xx, or cut. */
  failed: 4,
  inputTokens: 5,
  outputTokens: 6,
  openStreams: 7,
} as const;

/** What authentication may count; `error` stands for what is not in this list. */
export const authOutcomes: readonly string[] = ['error', 'accepted', 'bypassed', ...Object.keys(errorCodes)];

export const firstAuthColumn = 8;
export const firstDurationColumn = firstAuthColumn + authOutcomes.length;
export const firstFirstTokenColumn = firstDurationColumn + durationBuckets;
export const totalsColumns = firstFirstTokenColumn + durationBuckets;

/** In words. Rows begin on cache lines of their own. */
const rowWords = Math.ceil(totalsColumns / 16) * 16;
const columnOfOutcome = new Map(authOutcomes.map((outcome, place) => [outcome, firstAuthColumn + place]));

export function createFrontTotals(fronts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(fronts * rowWords * 4);
}

export class FrontTotals {
  readonly #words: Uint32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory);
  }

  add(front: number, column: number, count: number): void {
    // One thread writes a row, and a word of 32 bits is never read half written: nothing dearer is needed.
    this.#words[front * rowWords + column]! += count;
  }

  countAuth(front: number, outcome: string): void {
    this.add(front, columnOfOutcome.get(outcome) ?? firstAuthColumn, 1);
  }

  countDuration(front: number, ms: number): void {
    this.add(front, firstDurationColumn + durationBucket(ms), 1);
  }

  countFirstToken(front: number, ms: number): void {
    this.add(front, firstFirstTokenColumn + durationBucket(ms), 1);
  }

  /** Adds the rows of all fronts up, each column modulo 2^32. */
  sumInto(sums: Uint32Array): void {
    sums.fill(0);
    for (let row = 0; row < this.#words.length; row += rowWords) {
      for (let column = 0; column < totalsColumns; column++) {
        sums[column] = sums[column]! + Atomics.load(this.#words, row + column);
      }
    }
  }

  /** The streams of a dead front are no more. */
  clearFront(front: number): void {
    Atomics.store(this.#words, front * rowWords + totalsColumn.openStreams, 0);
  }
}

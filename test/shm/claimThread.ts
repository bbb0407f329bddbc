/**
 * A thread of its own for the replay table's tests: waits until all threads stand at the line, then claims.
 * Loaded by URL in a worker thread.
 */
import { workerData } from 'node:worker_threads';
import { ReplayTable } from '#src/shm/replayTable.js';

export interface ClaimThreadData {
  readonly table: SharedArrayBuffer;
  /** One word: how many threads have arrived, over all rounds. */
  readonly line: SharedArrayBuffer;
  /** One byte per claim: rounds × pairs × threads. */
  readonly results: SharedArrayBuffer;
  readonly thread: number;
  readonly threads: number;
  readonly rounds: number;
  /** Claims of one thread in a round. */
  readonly pairs: number;
  /** True: all threads claim the same pairs; false: each its own. */
  readonly isShared: boolean;
  readonly nowS: number;
}

/** What a byte of `results` says; 0 is no claim at all. */
export const resultCodes = { claimed: 1, replayed: 2, full: 3, expired: 4 } as const;

/** Every pair has a caller of its own, so that only the bound on all entries is met. */
export function callerOf(round: number, pair: number): Int32Array {
  return Int32Array.of(round, pair, round ^ pair, round * 31 + pair, 7);
}

if (workerData !== null) run(workerData as ClaimThreadData);

function run({
  line,
  results,
  thread,
  threads,
  rounds,
  pairs,
  isShared,
  nowS,
  table: memory,
}: ClaimThreadData) {
  const table = new ReplayTable(memory);
  const arrived = new Int32Array(line);
  const codes = new Uint8Array(results);
  for (let round = 0; round < rounds; round++) {
    Atomics.add(arrived, 0, 1);
    // Spinning, because threads that are woken one after the other would not meet.
    while (Atomics.load(arrived, 0) < threads * (round + 1));
    for (let pair = 0; pair < pairs; pair++) {
      const nonce = isShared ? `${round}.${pair}` : `${round}.${pair}.${thread}`;
      const result = table.claim({
        caller: callerOf(round, pair),
        nonce,
        timestampS: nowS,
        expiresAtS: nowS + 60,
        nowS,
      });
      codes[(round * pairs + pair) * threads + thread] = resultCodes[result];
    }
  }
}

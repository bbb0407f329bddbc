/**
 * A thread of its own for the breakers' tests: claims the probe of one half-open breaker after the other, together with
 * the others. Loaded by URL in a worker thread.
 */
import { workerData } from 'node:worker_threads';
import { type BreakerOptions, Breakers } from '#src/shm/breakers.js';

export interface ProbeThreadData {
  readonly breakers: SharedArrayBuffer;
  readonly options: Omit<BreakerOptions, 'nowMs'>;
  readonly nowMs: number;
  /** One word: how many threads have arrived, over all rounds. */
  readonly line: SharedArrayBuffer;
  /** One byte per claim: slots × threads. */
  readonly results: SharedArrayBuffer;
  readonly thread: number;
  readonly threads: number;
  readonly slots: number;
}

/** What a byte of `results` says; 0 is no claim at all. */
export const resultCodes = { won: 1, lost: 2 } as const;

if (workerData !== null) run(workerData as ProbeThreadData);

function run(data: ProbeThreadData): void {
  const { thread, threads, slots, nowMs } = data;
  const breakers = new Breakers(data.breakers, { ...data.options, nowMs: () => nowMs });
  const arrived = new Int32Array(data.line);
  const codes = new Uint8Array(data.results);
  for (let slot = 0; slot < slots; slot++) {
    Atomics.add(arrived, 0, 1);
    // Spinning, because threads that are woken one after the other would not meet.
    while (Atomics.load(arrived, 0) < threads * (slot + 1));
    const isWon = breakers.tryProbe(slot, thread);
    codes[slot * threads + thread] = isWon ? resultCodes.won : resultCodes.lost;
  }
}

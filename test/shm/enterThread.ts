/**
 * A thread of its own for the in-flight table's tests: enters and leaves one column under a limit, round by round
 * together with the others. Loaded by URL in a worker thread.
 */
import { workerData } from 'node:worker_threads';
import { InFlightTable, requestColumn } from '#src/shm/inFlightTable.js';

export interface EnterThreadData {
  readonly table: SharedArrayBuffer;
  /** One word per thing noted, see `notes`. */
  readonly notes: SharedArrayBuffer;
  readonly thread: number;
  readonly threads: number;
  readonly limit: number;
  readonly rounds: number;
  /** Tries of one thread in a round. */
  readonly tries: number;
}

/** Words of what the threads note together. */
export const notes = { arrived: 0, inside: 1, overLimit: 2, refused: 3 } as const;
export const noteWords = 4;

if (workerData !== null) run(workerData as EnterThreadData);

function run({ table: memory, notes: words, thread, threads, limit, rounds, tries }: EnterThreadData): void {
  const table = new InFlightTable(memory);
  const noted = new Int32Array(words);
  for (let round = 0; round < rounds; round++) {
    Atomics.add(noted, notes.arrived, 1);
    // Spinning, because threads that are woken one after the other would not meet.
    while (Atomics.load(noted, notes.arrived) < threads * (round + 1));
    for (let i = 0; i < tries; i++) {
      if (!table.tryEnter(thread, requestColumn, limit)) {
        Atomics.add(noted, notes.refused, 1);
        continue;
      }
      let isOver = Atomics.add(noted, notes.inside, 1) + 1 > limit;
      // Long against the rest, so that a thread that loses its core loses it in here, where the other meets it.
      for (let look = 0; look < 300; look++) isOver ||= table.total(requestColumn) > limit;
      if (isOver) Atomics.add(noted, notes.overLimit, 1);
      Atomics.sub(noted, notes.inside, 1);
      table.leave(thread, requestColumn);
    }
  }
}

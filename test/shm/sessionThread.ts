/**
 * A thread of its own for the session table's tests: puts one session after the other, so that slots are written
 * again and again under the eyes of a reader. Loaded by URL in a worker thread.
 */
import { workerData } from 'node:worker_threads';
import type { AddressText } from '#src/lib/address.js';
import type { Session } from '#src/lib/session.js';
import { SessionTable } from '#src/shm/sessionTable.js';

export interface SessionThreadData {
  readonly table: SharedArrayBuffer;
  /** One word: how many sessions this thread has put. */
  readonly progress: SharedArrayBuffer;
  readonly thread: number;
  readonly count: number;
  readonly nowS: number;
}

/** The i-th session of a thread, whose every part tells which it is. */
export function sessionAt(thread: number, i: number, nowS: number): Session {
  const mark = (thread << 24) | i;
  const digits = mark.toString(16).padStart(8, '0');
  const caller: AddressText = `0x${thread.toString(16).padStart(8, '0').repeat(5)}`;
  return {
    id: digits.repeat(4),
    caller,
    key: new Uint8Array(Buffer.from(digits.repeat(8), 'hex')),
    expiresAtS: nowS + 1 + (i % 7),
  };
}

if (workerData !== null) run(workerData as SessionThreadData);

function run({ table: memory, progress, thread, count, nowS }: SessionThreadData): void {
  const table = new SessionTable(memory);
  const done = new Int32Array(progress);
  for (let i = 0; i < count; i++) {
    table.put(sessionAt(thread, i, nowS), nowS);
    Atomics.store(done, thread, i + 1);
  }
}

/**
 * A thread of its own for the waiting lines' tests. `work`: sends requests through a place of a small limit, several at
 * once, as a front does; without looking again by itself, so that a lost grant hangs it. `listen`: tells what it is
 * granted. Loaded by URL in a worker thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { backendColumn, InFlightTable } from '#src/shm/inFlightTable.js';
import { type Ticket, WaitingLines } from '#src/shm/waitingLines.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';

export interface WaitThreadData {
  readonly behaviour: 'work' | 'listen';
  readonly waitingLines: SharedArrayBuffer;
  readonly inFlight: SharedArrayBuffer;
  /** One word per thing noted, see `notes`. */
  readonly notes: SharedArrayBuffer;
  readonly thread: number;
  readonly threads: number;
  /** Places at the one backend. */
  readonly limit: number;
  /** What one thread sends until it ends. */
  readonly requests: number;
  /** How many of them at the same time. */
  readonly atOnce: number;
}

/** Words of what the threads note together. */
export const notes = {
  arrived: 0,
  inside: 1,
  overLimit: 2,
  served: 3,
  /** Places that another thread gave. */
  rung: 4,
  left: 5,
  lineFull: 6,
  lineTooLong: 7,
} as const;
export const noteWords = 8;

const lane = 0;
const column = backendColumn(0);
const maxWaiting = 6;
/** One in so many leaves the line before it was served, and comes again. */
const leavesOneIn = 8;

if (workerData !== null) run(workerData as WaitThreadData);

function run(data: WaitThreadData): void {
  switch (data.behaviour) {
    case 'work':
      work(data);
      break;
    case 'listen':
      listen(data);
      break;
  }
}

function listen({ waitingLines, thread }: WaitThreadData): void {
  const lines = new WaitingLines(waitingLines);
  lines.onRing(thread, () => {
    for (const grant of lines.fetchGrants(thread)) parentPort?.postMessage(grant);
  });
  // Keeps the thread alive, and the caller knows that it listens.
  parentPort?.on('message', () => undefined);
  parentPort?.postMessage('listens');
}

function work({
  waitingLines,
  inFlight,
  notes: words,
  thread,
  threads,
  limit,
  requests,
  atOnce,
}: WaitThreadData): void {
  const lines = new WaitingLines(waitingLines);
  const table = new InFlightTable(inFlight);
  const noted = new Int32Array(words);
  const random = repeatableRandom(thread + 1);
  const waiting = new Map<number, Ticket>();
  // Nothing else keeps a thread alive that only waits for its bell.
  const alive = setInterval(() => undefined, 60_000);
  let nextId = 0;
  let toStart = requests;
  let open = 0;

  const enter = (): void => {
    if (Atomics.add(noted, notes.inside, 1) + 1 > limit) Atomics.add(noted, notes.overLimit, 1);
    const turns = Math.floor(random() * 3);
    const hold = (left: number): void => {
      if (left > 0) setImmediate(hold, left - 1);
      else leave();
    };
    setImmediate(hold, turns);
  };
  const giveBack = (): void => {
    table.leave(thread, column);
    offer();
  };
  const leave = (): void => {
    Atomics.sub(noted, notes.inside, 1);
    Atomics.add(noted, notes.served, 1);
    giveBack();
    open--;
    startMore();
  };
  const offer = (): void => {
    lines.offer(lane, (front) => (table.tryEnter(front, column, limit) ? 0 : undefined));
    fetchGrants();
  };
  const fetchGrants = (): void => {
    for (const { id } of lines.fetchGrants(thread)) {
      waiting.delete(id);
      enter();
    }
  };
  const send = (): void => {
    if (lines.length(lane) === 0 && table.tryEnter(thread, column, limit)) {
      enter();
      return;
    }
    const id = nextId++;
    const ticket = lines.join(lane, thread, id, maxWaiting);
    if (lines.length(lane) > maxWaiting) Atomics.add(noted, notes.lineTooLong, 1);
    if (ticket === undefined) {
      Atomics.add(noted, notes.lineFull, 1);
      setImmediate(send);
      return;
    }
    waiting.set(id, ticket);
    offer();
    if (random() * leavesOneIn < 1) setImmediate(leaveLine, id);
  };
  const leaveLine = (id: number): void => {
    const ticket = waiting.get(id);
    if (ticket === undefined) return;
    // Time for a grant that nobody here has fetched yet.
    for (const until = performance.now() + 0.05; performance.now() < until; );
    waiting.delete(id);
    Atomics.add(noted, notes.left, 1);
    if (lines.leave(ticket) !== undefined) giveBack();
    else offer();
    setImmediate(send);
  };
  const startMore = (): void => {
    while (open < atOnce && toStart > 0) {
      open++;
      toStart--;
      send();
    }
    if (open > 0) return;
    stop();
    clearInterval(alive);
  };

  const stop = lines.onRing(thread, () => {
    const before = waiting.size;
    fetchGrants();
    Atomics.add(noted, notes.rung, before - waiting.size);
  });
  Atomics.add(noted, notes.arrived, 1);
  // Spinning, because threads that are woken one after the other would not meet.
  while (Atomics.load(noted, notes.arrived) < threads);
  startMore();
}

/**
 * Requests that wait for a free backend: one line per model over all fronts, first come first served, bounded. Whoever
 * frees a place gives it to the head of the line at once, on whichever front that waits, so that nobody who comes later
 * can take it. Runs on the fronts; main creates the memory, reads the lengths and clears a dead front away.
 *
 *   lane    head ⇄ node ⇄ node ⇄ tail          one per model; nodes that wait
 *   grants  head → node → tail                  one per front; nodes that were given a place, not yet fetched
 *   free    head → node …                       nodes that nobody uses
 *
 * One lock guards all links. It is taken only while someone waits: a node with capacity to spare never comes here.
 */
import { lock, unlock } from './spinLock.js';

/** Models that may be served at once, old ones whose requests still wait after a reload included. */
export const maxLanes = 1_024;

/** A place in a line; meaningless after `leave` or a fetched grant. */
export type Ticket = number;

export interface WaitingLinesOptions {
  readonly fronts: number;
  /** Requests that can wait at once, over all models. */
  readonly capacity: number;
}

/** No node. Nodes are counted from 1, so that zeroed memory is a set of empty lists. */
const none = 0;

const header = { lock: 0, free: 1, unused: 2, capacity: 3, fronts: 4, length: 5 };
const lane = { head: 0, tail: 1, length: 2, words: 3 };
const front = { bell: 0, head: 1, tail: 2, words: 3 };
const node = { state: 0, front: 1, id: 2, slot: 3, next: 4, previous: 5, lane: 6, words: 7 };
const state = { free: 0, waiting: 1, granted: 2 };

const laneAt = (index: number): number => header.length + index * lane.words;
const frontAt = (index: number): number => laneAt(maxLanes) + index * front.words;

/** Memory for the lines; pages that no request ever waited in cost no RAM. */
export function createWaitingLines({ fronts, capacity }: WaitingLinesOptions): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((frontAt(fronts) + capacity * node.words) * 4);
  const words = new Int32Array(memory);
  words[header.capacity] = capacity;
  words[header.fronts] = fronts;
  return memory;
}

export class WaitingLines {
  readonly #words: Int32Array;
  readonly #firstNode: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#firstNode = frontAt(this.#words[header.fronts]!);
  }

  /** How many wait in a lane. Without the lock: whoever sees 0 and then finds a free place may take it. */
  length(laneIndex: number): number {
    return Atomics.load(this.#words, laneAt(laneIndex) + lane.length);
  }

  /**
   * Joins the end of a lane; `undefined` when `maxWaiting` wait there already. `id` comes back with the grant. The caller
   * must `offer` the lane afterwards: a place may have become free before it stood in line.
   */
  join(laneIndex: number, frontIndex: number, id: number, maxWaiting: number): Ticket | undefined {
    const words = this.#words;
    // Full lines refuse without the lock, so that refusals are cheap just when they are many.
    if (this.length(laneIndex) >= maxWaiting) return undefined;
    return this.#locked(() => {
      if (words[laneAt(laneIndex) + lane.length]! >= maxWaiting) return undefined;
      return this.#link(laneIndex, frontIndex, id, words[laneAt(laneIndex) + lane.tail]!);
    });
  }

  /**
   * Back to the head of a lane, for one whose place turned out to be none. `undefined` when there is no room for it any
   * more. The caller must `offer` the lane, as after `join`.
   */
  rejoin(laneIndex: number, frontIndex: number, id: number): Ticket | undefined {
    return this.#locked(() => this.#link(laneIndex, frontIndex, id, none));
  }

  /** Leaves the line. The slot when a place was granted meanwhile, which the caller must give back. */
  leave(ticket: Ticket): number | undefined {
    return this.#locked(() => {
      const n = this.#nodeAt(ticket);
      if (this.#words[n + node.state] === state.waiting) {
        this.#unlink(ticket);
        this.#giveFree(ticket);
        return undefined;
      }
      // A ticket of nobody's would be looked for in vain, with the lock held.
      if (this.#words[n + node.state] === state.free) return undefined;
      const slot = this.#words[n + node.slot]!;
      this.#unlinkGrant(ticket);
      this.#giveFree(ticket);
      return slot;
    });
  }

  /**
   * Gives places to those who wait, from the head on, while `take` finds one for a front; it returns the slot taken in
   * that front's name, or `undefined` when none is free. The fronts that got one are rung.
   */
  offer(laneIndex: number, take: (frontIndex: number) => number | undefined): void {
    if (this.length(laneIndex) === 0) return;
    const words = this.#words;
    const rung = this.#locked(() => {
      const fronts = new Set<number>();
      const at = laneAt(laneIndex);
      for (let ticket = words[at + lane.head]!; ticket !== none; ticket = words[at + lane.head]!) {
        const n = this.#nodeAt(ticket);
        const frontIndex = words[n + node.front]!;
        const slot = take(frontIndex);
        if (slot === undefined) break;
        this.#unlink(ticket);
        words[n + node.state] = state.granted;
        words[n + node.slot] = slot;
        words[n + node.next] = none;
        const grants = frontAt(frontIndex);
        const tail = words[grants + front.tail]!;
        if (tail === none) words[grants + front.head] = ticket;
        else words[this.#nodeAt(tail) + node.next] = ticket;
        words[grants + front.tail] = ticket;
        fronts.add(frontIndex);
      }
      return fronts;
    });
    for (const frontIndex of rung) this.#ring(frontIndex);
  }

  /** Fetches the grants of a front, in the order in which they were given. */
  fetchGrants(frontIndex: number): readonly { readonly id: number; readonly slot: number }[] {
    const words = this.#words;
    const grants = frontAt(frontIndex);
    if (Atomics.load(words, grants + front.head) === none) return [];
    return this.#locked(() => {
      const fetched: { id: number; slot: number }[] = [];
      for (let ticket = words[grants + front.head]!; ticket !== none; ) {
        const n = this.#nodeAt(ticket);
        fetched.push({ id: words[n + node.id]!, slot: words[n + node.slot]! });
        const next = words[n + node.next]!;
        this.#giveFree(ticket);
        ticket = next;
      }
      Atomics.store(words, grants + front.head, none);
      words[grants + front.tail] = none;
      return fetched;
    });
  }

  /** Calls back whenever the front is rung, until the returned function is called. Does not keep the thread alive. */
  onRing(frontIndex: number, listener: () => void): () => void {
    const words = this.#words;
    const bell = frontAt(frontIndex) + front.bell;
    let isStopped = false;
    const listen = (): void => {
      if (isStopped) return;
      const seen = Atomics.load(words, bell);
      // A ring between the last look and this wait is not lost: the grants are fetched after the wait was begun.
      const wait = Atomics.waitAsync(words, bell, seen);
      listener();
      if (wait.async) void wait.value.then(listen);
      else setImmediate(listen);
    };
    listen();
    return () => {
      isStopped = true;
    };
  }

  /** Takes a dead front's requests out of all lines. Before its counts are cleared, which hold its granted places. */
  clearFront(frontIndex: number): void {
    const words = this.#words;
    this.#locked(() => {
      for (let ticket = 1; ticket <= words[header.unused]!; ticket++) {
        const n = this.#nodeAt(ticket);
        if (words[n + node.state] === state.free || words[n + node.front] !== frontIndex) continue;
        if (words[n + node.state] === state.waiting) this.#unlink(ticket);
        this.#giveFree(ticket);
      }
      const grants = frontAt(frontIndex);
      Atomics.store(words, grants + front.head, none);
      words[grants + front.tail] = none;
    });
  }

  #nodeAt(ticket: Ticket): number {
    return this.#firstNode + (ticket - 1) * node.words;
  }

  #locked<Result>(section: () => Result): Result {
    lock(this.#words, header.lock);
    try {
      return section();
    } finally {
      unlock(this.#words, header.lock);
    }
  }

  #takeFree(): Ticket {
    const words = this.#words;
    const free = words[header.free]!;
    if (free !== none) {
      words[header.free] = words[this.#nodeAt(free) + node.next]!;
      return free;
    }
    if (words[header.unused]! >= words[header.capacity]!) return none;
    words[header.unused]!++;
    return words[header.unused]!;
  }

  #giveFree(ticket: Ticket): void {
    const n = this.#nodeAt(ticket);
    this.#words[n + node.state] = state.free;
    this.#words[n + node.next] = this.#words[header.free]!;
    this.#words[header.free] = ticket;
  }

  /** A new node behind `previous`, or at the head. */
  #link(laneIndex: number, frontIndex: number, id: number, previous: Ticket): Ticket | undefined {
    const words = this.#words;
    const ticket = this.#takeFree();
    if (ticket === none) return undefined;
    const at = laneAt(laneIndex);
    const n = this.#nodeAt(ticket);
    const next = previous === none ? words[at + lane.head]! : words[this.#nodeAt(previous) + node.next]!;
    words[n + node.state] = state.waiting;
    words[n + node.front] = frontIndex;
    words[n + node.id] = id;
    words[n + node.lane] = laneIndex;
    words[n + node.next] = next;
    words[n + node.previous] = previous;
    if (previous === none) words[at + lane.head] = ticket;
    else words[this.#nodeAt(previous) + node.next] = ticket;
    if (next === none) words[at + lane.tail] = ticket;
    else words[this.#nodeAt(next) + node.previous] = ticket;
    Atomics.add(words, at + lane.length, 1);
    return ticket;
  }

  #unlink(ticket: Ticket): void {
    const words = this.#words;
    const n = this.#nodeAt(ticket);
    const at = laneAt(words[n + node.lane]!);
    const previous = words[n + node.previous]!;
    const next = words[n + node.next]!;
    if (previous === none) words[at + lane.head] = next;
    else words[this.#nodeAt(previous) + node.next] = next;
    if (next === none) words[at + lane.tail] = previous;
    else words[this.#nodeAt(next) + node.previous] = previous;
    Atomics.sub(words, at + lane.length, 1);
  }

  #unlinkGrant(ticket: Ticket): void {
    const words = this.#words;
    const grants = frontAt(words[this.#nodeAt(ticket) + node.front]!);
    const next = words[this.#nodeAt(ticket) + node.next]!;
    let previous = none;
    for (let at = words[grants + front.head]!; at !== ticket; at = words[this.#nodeAt(at) + node.next]!) {
      previous = at;
    }
    if (previous === none) Atomics.store(words, grants + front.head, next);
    else words[this.#nodeAt(previous) + node.next] = next;
    if (next === none) words[grants + front.tail] = previous;
  }

  #ring(frontIndex: number): void {
    const bell = frontAt(frontIndex) + front.bell;
    Atomics.add(this.#words, bell, 1);
    Atomics.notify(this.#words, bell);
  }
}

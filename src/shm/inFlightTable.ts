/**
 * Requests in flight, counted over all fronts: a row of totals, then one row per front; one column per thing counted
 * (column 0 the public requests, then one column per backend slot). The totals make a bound exact over all fronts; the
 * rows let main take a dead front's share out of them. Runs on the fronts and in main.
 */

/** Backends that may be configured at once, old ones that still stream after a reload included. */
export const maxBackendSlots = 1_024;
/** The column of requests on the public port. */
export const requestColumn = 0;
/** The column of a backend slot. */
export const backendColumn = (slot: number): number => slot + 1;

const columns = maxBackendSlots + 1;
const rowOf = (front: number): number => (front + 1) * columns;

export function createInFlightTable(fronts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rowOf(fronts) * 4);
}

export class InFlightTable {
  readonly #counts: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#counts = new Int32Array(memory);
  }

  enter(front: number, column: number): void {
    Atomics.add(this.#counts, column, 1);
    Atomics.add(this.#counts, rowOf(front) + column, 1);
  }

  /** Enters unless `limit` are in already, over all fronts. */
  tryEnter(front: number, column: number, limit: number): boolean {
    const counts = this.#counts;
    for (let seen = Atomics.load(counts, column); seen < limit; ) {
      // Not add and take back: for a moment the count would keep out another who has a right to the place.
      const found = Atomics.compareExchange(counts, column, seen, seen + 1);
      if (found === seen) {
        Atomics.add(counts, rowOf(front) + column, 1);
        return true;
      }
      seen = found;
    }
    return false;
  }

  leave(front: number, column: number): void {
    Atomics.sub(this.#counts, rowOf(front) + column, 1);
    Atomics.sub(this.#counts, column, 1);
  }

  /** The count over all fronts. */
  total(column: number): number {
    return Atomics.load(this.#counts, column);
  }

  /** Takes a dead front's counts out. */
  clearFront(front: number): void {
    for (let column = 0; column < columns; column++) {
      const count = Atomics.exchange(this.#counts, rowOf(front) + column, 0);
      if (count !== 0) Atomics.sub(this.#counts, column, count);
    }
  }
}

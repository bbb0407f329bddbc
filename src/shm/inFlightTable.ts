/**
 * Requests in flight, counted over all fronts: one row per front, one column per thing counted (column 0 the
 * public requests, then one column per backend slot). A front writes only its own row, so main can return a
 * dead front's counts to zero without touching the others. Runs on the fronts and in main.
 */

/** Backends that may be configured at once, old ones that still stream after a reload included. */
export const maxBackendSlots = 1_024;
/** The column of requests on the public port. */
export const requestColumn = 0;
/** The column of a backend slot. */
export const backendColumn = (slot: number): number => slot + 1;

const columns = maxBackendSlots + 1;

export function createInFlightTable(fronts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(fronts * columns * 4);
}

export class InFlightTable {
  readonly #counts: Int32Array;
  readonly #fronts: number;

  constructor(memory: SharedArrayBuffer) {
    this.#counts = new Int32Array(memory);
    this.#fronts = this.#counts.length / columns;
  }

  enter(front: number, column: number): void {
    Atomics.add(this.#counts, front * columns + column, 1);
  }

  leave(front: number, column: number): void {
    Atomics.sub(this.#counts, front * columns + column, 1);
  }

  /** The count over all fronts. */
  total(column: number): number {
    let sum = 0;
    for (let front = 0; front < this.#fronts; front++) {
      sum += Atomics.load(this.#counts, front * columns + column);
    }
    return sum;
  }

  /** Returns a dead front's counts to zero. */
  clearFront(front: number): void {
    for (let column = 0; column < columns; column++) Atomics.store(this.#counts, front * columns + column, 0);
  }
}

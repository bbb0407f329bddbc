/**
 * How much one dispatch may do: a driver ends a dispatch that runs for seconds, and between two a job can be aborted,
 * but each costs a wait. Learned from how long dispatches take, since no adapter tells how fast it is. Runs in the
 * GPU host.
 */

/** Between the two, a dispatch is neither late for an abort nor mostly waiting. */
const shortMs = 50;
const longMs = 200;

export class DispatchSize {
  #operations: number;

  /** @param operations to begin with; too few cost a few waits in the first job */
  constructor(operations: number) {
    this.#operations = operations;
  }

  /** Rows of a product for the next dispatch: whole tiles, at least one. */
  rows(operationsPerRow: number, tile: number): number {
    return Math.max(tile, Math.floor(this.#operations / operationsPerRow / tile) * tile);
  }

  /** What a dispatch took. */
  learn(operations: number, ms: number): void {
    if (ms > longMs) this.#operations = Math.min(this.#operations, operations / 2);
    // A dispatch that was smaller than allowed says nothing about larger ones.
    else if (ms < shortMs && operations > this.#operations / 2) this.#operations *= 2;
  }
}

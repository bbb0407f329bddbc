/**
 * How many body bytes a front holds at once, over all requests. A body is received before its signature can be
 * checked, and the addresses of callers are public: without a bound, strangers could make the node hold one
 * body of the largest size per connection. Runs on the fronts.
 */

export class BodyBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** False when that many more bytes would exceed the budget; nothing is reserved then. */
  reserve(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#limitBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

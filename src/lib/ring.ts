/** The last so many of something; the oldest gives way. Runs everywhere. */

export class Ring<T> {
  readonly #slots: T[] = [];
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(item: T): void {
    this.#slots[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  get length(): number {
    return this.#slots.length;
  }

  get newest(): T | undefined {
    return this.#slots[(this.#next + this.#capacity - 1) % this.#capacity];
  }

  /** From the oldest to the newest. */
  items(): T[] {
    if (this.#slots.length < this.#capacity) return [...this.#slots];
    return [...this.#slots.slice(this.#next), ...this.#slots.slice(0, this.#next)];
  }

  clear(): void {
    this.#slots.length = 0;
    this.#next = 0;
  }
}

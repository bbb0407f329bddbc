/**
 * A request body that is let go when it is handed to the socket. undici keeps the body of a request until its
 * response has ended, which for a stream may take minutes; of a body that comes as an iterable it keeps the iterable
 * only. That way is a little slower, so small bodies do not take it. Runs on the fronts.
 */

/** From here on a body is worth it: a thousand open streams then hold 64 MB of smaller ones at most. */
export const largeBodyBytes = 64 * 1_024;

export class LargeBody implements IterableIterator<Buffer> {
  #bytes: Buffer | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Buffer, undefined> {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes === undefined ? { done: true, value: undefined } : { done: false, value: bytes };
  }
}

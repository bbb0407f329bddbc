/**
 * Shared memory weighs nothing in the eyes of the garbage collector, because it belongs to no thread: a handle of a few
 * bytes that was let go keeps hundreds of megabytes until a thread happens to have filled its young generation. An
 * ordinary buffer that nobody writes to is counted in full and takes no memory, so one is made beside each large
 * shared array: two of them bring about a collection of the young generation, which takes a millisecond. Runs wherever
 * shared arrays are made or received.
 */

/** Smaller ones may wait. */
const largeBytes = 1_048_576;
/** Over twice the half of a young generation, from which on V8 collects for the sake of buffers. */
const tokenBytes = 33_554_432;

export function feelWeight(sharedBytes: number): void {
  if (sharedBytes < largeBytes) return;
  new ArrayBuffer(tokenBytes);
}

/** A lock in shared memory for critical sections of a microsecond. Runs on the fronts and in main. */

const spinsBeforeWait = 1_000;
const lockWaitMs = 1;

/** Takes the lock at a word that is 0 while it is free. Not reentrant: a thread that holds it hangs here. */
export function lock(words: Int32Array, at: number): void {
  for (let spin = 0; Atomics.compareExchange(words, at, 0, 1) !== 0; spin++) {
    // The holder was descheduled in the middle of its section; give it the core.
    if (spin >= spinsBeforeWait) Atomics.wait(words, at, 1, lockWaitMs);
  }
}

export function unlock(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0);
}

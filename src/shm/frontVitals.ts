/**
 * Small shared facts between main and the fronts: each front's heartbeat, and the replay mark that is safely
 * on disk. Runs on the fronts (write heartbeat, read mark) and in main (the other way round).
 */

const markWord = 0;
const firstHeartbeat = 1;

export function createFrontVitals(fronts: number): SharedArrayBuffer {
  return new SharedArrayBuffer((firstHeartbeat + fronts) * 4);
}

export class FrontVitals {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  beat(front: number): void {
    Atomics.add(this.#words, firstHeartbeat + front, 1);
  }

  heartbeat(front: number): number {
    return Atomics.load(this.#words, firstHeartbeat + front);
  }

  /** The latest request second (Unix) known to be on disk; 0 when none is. */
  get storedMarkS(): number {
    return Atomics.load(this.#words, markWord);
  }

  set storedMarkS(second: number) {
    Atomics.store(this.#words, markWord, second);
  }
}

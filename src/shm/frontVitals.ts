/**
 * Small shared facts between main and the fronts: each front's heartbeat, whether it can use the shared store, and
 * the replay mark that is safely on disk. Runs on the fronts (write the former, read the mark) and in main (the
 * other way round).
 */

const markWord = 0;
const firstHeartbeat = 1;

export function createFrontVitals(fronts: number): SharedArrayBuffer {
  return new SharedArrayBuffer((firstHeartbeat + 2 * fronts) * 4);
}

export class FrontVitals {
  readonly #words: Int32Array;
  /** Word offset of the part. */
  readonly #stores: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#stores = firstHeartbeat + (this.#words.length - firstHeartbeat) / 2;
  }

  beat(front: number): void {
    Atomics.add(this.#words, firstHeartbeat + front, 1);
  }

  heartbeat(front: number): number {
    return Atomics.load(this.#words, firstHeartbeat + front);
  }

  setStoreUsable(front: number, isUsable: boolean): void {
    Atomics.store(this.#words, this.#stores + front, isUsable ? 1 : 0);
  }

  isStoreUsable(front: number): boolean {
    return Atomics.load(this.#words, this.#stores + front) === 1;
  }

  /** The latest request second (Unix) known to be on disk; 0 when none is. */
  get storedMarkS(): number {
    return Atomics.load(this.#words, markWord);
  }

  set storedMarkS(second: number) {
    Atomics.store(this.#words, markWord, second);
  }
}

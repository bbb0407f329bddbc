/**
 * Whether each backend answered its last health check: main writes, fronts read. Runs in main and on the fronts.
 */
import { maxBackendSlots } from './inFlightTable.js';

const down = 1;

export function createBackendHealth(): SharedArrayBuffer {
  return new SharedArrayBuffer(maxBackendSlots * 4);
}

export class BackendHealth {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** A backend that was never checked counts as healthy. */
  isHealthy(slot: number): boolean {
    return Atomics.load(this.#words, slot) !== down;
  }

  set(slot: number, isHealthy: boolean): void {
    Atomics.store(this.#words, slot, isHealthy ? 0 : down);
  }
}

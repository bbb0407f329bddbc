/**
 * How often a wrong token is answered as such: a handful at once, then one every few seconds, for each address. The
 * right token never waits. It cannot be guessed in any number of attempts; this bounds what guessing writes to the log.
 * Runs in main.
 */
import { LRUCache } from 'lru-cache';

const burst = 10;
const refillMs = 6_000;
const mostAddresses = 256;

export class Attempts {
  /** By address: when all attempts are there again. */
  readonly #fullAtMs = new LRUCache<string, number>({ max: mostAddresses });
  readonly #nowMs: () => number;

  /** @param nowMs milliseconds of a clock that is never set back */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Seconds until the next attempt is allowed; 0 when one is now. */
  waitS(address: string): number {
    const missingMs = (this.#fullAtMs.get(address) ?? 0) - this.#nowMs();
    return Math.max(0, Math.ceil((missingMs - (burst - 1) * refillMs) / 1_000));
  }

  countFailure(address: string): void {
    const nowMs = this.#nowMs();
    this.#fullAtMs.set(address, Math.max(nowMs, this.#fullAtMs.get(address) ?? 0) + refillMs);
  }
}

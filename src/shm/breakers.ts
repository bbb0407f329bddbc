/**
 * Circuit breakers, one per backend slot over all fronts: after some failures in a row a backend gets no requests for a
 * while, then a single one that tells whether it works again. Runs on the fronts; main reads states and clears a dead
 * front away.
 *
 *   closed ──failures in a row──▶ open ──openFor──▶ half-open ──probe succeeds──▶ closed
 *                                   ▲                    └──────probe fails──────▶ open
 */
import { monotonicNs } from '../lib/monotonicClock.js';
import { maxBackendSlots } from './inFlightTable.js';

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerOptions {
  /** Failures in a row that open a breaker. */
  readonly failures: number;
  readonly openForMs: number;
  /** Milliseconds of a clock that all threads share and that is never set back. */
  readonly nowMs?: () => number;
}

/** Words of a slot: failures in a row, when it was opened (0 = closed), who probes (front + 1; 0 = nobody). */
const failuresWord = 0;
const openedWord = 1;
const probeWord = 2;
const slotWords = 3;
/** Unit of the stored times: 32 bits of milliseconds would run over in 24 days, these in years. */
const stampMs = 100;

export function createBreakers(): SharedArrayBuffer {
  return new SharedArrayBuffer(maxBackendSlots * slotWords * 4);
}

const processClockMs = (): number => monotonicNs() / 1_000_000;

export class Breakers {
  readonly #words: Int32Array;
  readonly #failures: number;
  readonly #openForMs: number;
  readonly #nowMs: () => number;

  constructor(memory: SharedArrayBuffer, { failures, openForMs, nowMs = processClockMs }: BreakerOptions) {
    this.#words = new Int32Array(memory);
    this.#failures = failures;
    this.#openForMs = openForMs;
    this.#nowMs = nowMs;
  }

  state(slot: number): BreakerState {
    const opened = Atomics.load(this.#words, slot * slotWords + openedWord);
    if (opened === 0) return 'closed';
    return this.#sinceMs(opened) < this.#openForMs ? 'open' : 'half_open';
  }

  /** Until the next request may be let through; 0 when one may already. */
  closedInMs(slot: number): number {
    const opened = Atomics.load(this.#words, slot * slotWords + openedWord);
    return opened === 0 ? 0 : Math.max(0, this.#openForMs - this.#sinceMs(opened));
  }

  /** Whether a half-open breaker has its one request out. */
  isProbed(slot: number): boolean {
    return Atomics.load(this.#words, slot * slotWords + probeWord) !== 0;
  }

  /** Claims the one request of a half-open breaker, once over all fronts. */
  tryProbe(slot: number, front: number): boolean {
    if (Atomics.compareExchange(this.#words, slot * slotWords + probeWord, 0, front + 1) !== 0) return false;
    if (this.state(slot) === 'half_open') return true;
    // Another probe ended between the look at the state and the claim.
    this.abandonProbe(slot);
    return false;
  }

  /** Requests flow again: the probe got an answer, or another backend takes the slot over. */
  close(slot: number): void {
    const at = slot * slotWords;
    Atomics.store(this.#words, at + failuresWord, 0);
    Atomics.store(this.#words, at + openedWord, 0);
    Atomics.store(this.#words, at + probeWord, 0);
  }

  /** The probe ended without a verdict: the next request probes. */
  abandonProbe(slot: number): void {
    Atomics.store(this.#words, slot * slotWords + probeWord, 0);
  }

  /** A request ended well. */
  succeed(slot: number): void {
    const at = slot * slotWords + failuresWord;
    // Mostly it is 0 already, and a load does not take the cache line from the other fronts.
    if (Atomics.load(this.#words, at) !== 0) Atomics.store(this.#words, at, 0);
  }

  /** A request failed by the backend's fault. True when that opened the breaker. */
  fail(slot: number, isProbe: boolean): boolean {
    const words = this.#words;
    const at = slot * slotWords;
    if (isProbe) {
      Atomics.store(words, at + openedWord, this.#stamp());
      Atomics.store(words, at + probeWord, 0);
      return true;
    }
    if (Atomics.add(words, at + failuresWord, 1) + 1 < this.#failures) return false;
    // Requests that were under way when it opened do not keep it open for longer.
    return Atomics.compareExchange(words, at + openedWord, 0, this.#stamp()) === 0;
  }

  /** Lets others probe where a dead front was about to. */
  clearFront(front: number): void {
    for (let slot = 0; slot < maxBackendSlots; slot++) {
      Atomics.compareExchange(this.#words, slot * slotWords + probeWord, front + 1, 0);
    }
  }

  /** Never 0, which stands for closed. */
  #stamp(): number {
    return Math.floor(this.#nowMs() / stampMs) | 0 || 1;
  }

  #sinceMs(stamp: number): number {
    return (((Math.floor(this.#nowMs() / stampMs) | 0) - stamp) | 0) * stampMs;
  }
}

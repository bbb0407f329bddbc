/**
 * The replay table: which (caller, nonce) pairs were used, in one SharedArrayBuffer that all fronts write.
 * Runs on the fronts; main creates the memory and reads the count.
 *
 *   buckets      128 bytes each, which are two lines of the cache: a lock; until which second an entry that belongs
 *                here may lie in a later bucket (`overflow`); expiry seconds and 128-bit keyed fingerprints of 6 entries
 *   counters     live entries and in which second they end, once for all and once per caller row
 *
 * An entry is free as soon as its second has come, without anyone sweeping: a past expiry reads as empty, and
 * a chain of buckets ends where `overflow` has passed. A table full of live entries refuses; evicting one
 * would re-open the request that it stands for.
 *
 * Fronts that claim one pair at one instant meet at the lock of the bucket where it belongs, which is held for a single
 * probe. Pairs that belong elsewhere may race for one free slot; the compare-and-exchange on its expiry word decides.
 */
import { randomBytes } from 'node:crypto';
import type { ClaimResult, NonceClaim } from '../lib/nonceClaim.js';
import { sipHash, sipKeyWords } from './sipHash.js';
import { lock, unlock } from './spinLock.js';

/** Memory that is shared can always be asked. */
export type TableClaimResult = Exclude<ClaimResult, 'unavailable'>;

export interface ReplayTableOptions {
  /** Live entries at most. One caller holds at most half. */
  readonly capacity: number;
  /** Longest life of an entry in seconds. */
  readonly maxLifetimeS: number;
}

const slotsPerBucket = 6;
/** At 3/4 load nearly every entry fits its own bucket or the next; the bench prints the claim cost at full. */
const slotsPerEntry = 4 / 3;
/** Callers share a row by chance of a keyed hash only; two callers in one row hold half *together*. */
const callerRows = 16_384;
/** Ends of life are counted in at most this many steps; a longer lifetime makes each step longer. */
const maxSteps = 128;
/** The last second that a word holds, in January 2038. */
const latestEndS = 2 ** 31 - 1;
/** Written over a free slot's expiry while its fingerprint is being stored. */
const busy = -1;
const fingerprintWords = 4;

/** Words of a bucket; `expiries` and `fingerprints` are those of the first slot. */
const bucket = { lock: 0, overflow: 1, expiries: 2, fingerprints: 8, length: 32 };

/** Words of the header, which is followed by the first bucket. */
const header = {
  buckets: 0,
  capacity: 1,
  stepS: 2,
  steps: 3,
  rowSalt: 4,
  key: 8,
  latestS: 8 + sipKeyWords,
  length: bucket.length,
};

interface Layout {
  readonly words: Int32Array;
  readonly buckets: number;
  readonly capacity: number;
  readonly stepS: number;
  readonly steps: number;
  /** Word offset of the counters, behind the last bucket. */
  readonly counters: number;
}

const counterWords = (steps: number): number => 2 + steps;

function layoutOf(memory: SharedArrayBuffer): Layout {
  const words = new Int32Array(memory);
  const buckets = words[header.buckets]!;
  return {
    words,
    buckets,
    capacity: words[header.capacity]!,
    stepS: words[header.stepS]!,
    steps: words[header.steps]!,
    counters: header.length + buckets * bucket.length,
  };
}

/** Memory for a table; pages that no entry ever touched cost no RAM. */
export function createReplayTable({ capacity, maxLifetimeS }: ReplayTableOptions): SharedArrayBuffer {
  const buckets = Math.max(2, Math.ceil((capacity * slotsPerEntry) / slotsPerBucket));
  const stepS = Math.max(1, Math.ceil(maxLifetimeS / (maxSteps - 2)));
  const steps = Math.ceil(maxLifetimeS / stepS) + 2;
  const size = header.length + buckets * bucket.length + (1 + callerRows) * counterWords(steps);
  const memory = new SharedArrayBuffer(size * 4);
  const words = new Int32Array(memory);
  words[header.buckets] = buckets;
  words[header.capacity] = capacity;
  words[header.stepS] = stepS;
  words[header.steps] = steps;
  const random = randomBytes((4 + sipKeyWords) * 4);
  for (let i = 0; i < random.length / 4; i++) words[header.rowSalt + i] = random.readInt32LE(i * 4);
  return memory;
}

export class ReplayTable {
  readonly #layout: Layout;
  /** Never changes. */
  readonly #key: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#layout = layoutOf(memory);
    this.#key = this.#layout.words.slice(header.key, header.key + sipKeyWords);
  }

  /** Claims a pair once over all threads. Call only for a request whose signature was verified. */
  claim({ caller, nonce, expiresAtS, nowS: clockS }: NonceClaim): TableClaimResult {
    const { buckets, words } = this.#layout;
    // A clock that is set back would make requests valid again whose entries it has freed before.
    raiseTo(words, header.latestS, clockS);
    const nowS = Atomics.load(words, header.latestS);
    if (expiresAtS <= nowS) return 'expired';
    // Only reached with an `auth.maxAge` of years: as a word of 32 bits that end would lie in the past.
    if (expiresAtS > latestEndS) return 'full';
    const fingerprint = sipHash(this.#key, caller, nonce);
    const home = header.length + ((fingerprint[0]! >>> 0) % buckets) * bucket.length;
    lock(words, home + bucket.lock);
    try {
      if (this.#holds(fingerprint, home, nowS)) return 'replayed';
      // Again: in the meantime another front may have come to a later second and written over the very entry that
      // was looked for. It raises the second before it writes, so this read cannot miss it.
      if (expiresAtS <= Atomics.load(words, header.latestS)) return 'expired';
      if (!this.#reserve(caller, expiresAtS, nowS)) return 'full';
      return this.#insert(fingerprint, home, expiresAtS, nowS) ? 'claimed' : 'full';
    } finally {
      unlock(words, home + bucket.lock);
    }
  }

  /** Live entries. */
  count(nowS: number): number {
    const { counters, words } = this.#layout;
    this.#sweep(counters, nowS);
    return Atomics.load(words, counters);
  }

  /**
   * Looks at fingerprints first, and not atomically: nobody writes over that of a live entry, and the lock of the pair
   * stands between the thread that stored it and this one. Any other that is read half-written matches by chance only,
   * and would refuse.
   */
  #holds(fingerprint: Int32Array, home: number, nowS: number): boolean {
    const { words } = this.#layout;
    const a = fingerprint[0]!;
    const b = fingerprint[1]!;
    const c = fingerprint[2]!;
    const d = fingerprint[3]!;
    let base = home;
    do {
      let at = base + bucket.fingerprints;
      for (let slot = 0; slot < slotsPerBucket; slot++, at += fingerprintWords) {
        if (words[at] !== a || words[at + 1] !== b || words[at + 2] !== c || words[at + 3] !== d) continue;
        if (Atomics.load(words, base + bucket.expiries + slot) > nowS) return true;
      }
      if (Atomics.load(words, base + bucket.overflow) <= nowS) return false;
      base = this.#after(base);
    } while (base !== home);
    return false;
  }

  /**
   * Stores the entry that `#reserve` made room for. False when no slot was free all the same: a thread whose
   * clock is a second ahead may have counted entries off and used their slots. The entry then stays counted
   * until its end, which errs towards refusing.
   */
  #insert(fingerprint: Int32Array, home: number, expiresAtS: number, nowS: number): boolean {
    const { words } = this.#layout;
    let base = home;
    do {
      for (let slot = 0; slot < slotsPerBucket; slot++) {
        const at = base + bucket.expiries + slot;
        // What is read here only says where to try.
        const seen = words[at]!;
        if (seen === busy || seen > nowS) continue;
        if (Atomics.compareExchange(words, at, seen, busy) !== seen) continue;
        const stored = base + bucket.fingerprints + slot * fingerprintWords;
        for (let i = 0; i < fingerprintWords; i++) words[stored + i] = fingerprint[i]!;
        Atomics.store(words, at, expiresAtS);
        return true;
      }
      raiseTo(words, base + bucket.overflow, expiresAtS);
      base = this.#after(base);
    } while (base !== home);
    return false;
  }

  /** The bucket behind the one at `base`; behind the last one is the first. */
  #after(base: number): number {
    const next = base + bucket.length;
    return next === this.#layout.counters ? header.length : next;
  }

  /** Counts the entry for all and for its caller, unless that would exceed a bound. */
  #reserve(caller: Int32Array, expiresAtS: number, nowS: number): boolean {
    const { words, capacity, counters, steps, stepS } = this.#layout;
    const row = counters + (1 + this.#callerRow(caller)) * counterWords(steps);
    this.#sweep(counters, nowS);
    this.#sweep(row, nowS);
    if (Atomics.add(words, counters, 1) >= capacity) {
      Atomics.sub(words, counters, 1);
      return false;
    }
    if (Atomics.add(words, row, 1) >= Math.max(1, Math.floor(capacity / 2))) {
      Atomics.sub(words, row, 1);
      Atomics.sub(words, counters, 1);
      return false;
    }
    const step = Math.ceil(expiresAtS / stepS) % steps;
    Atomics.add(words, counters + 2 + step, 1);
    Atomics.add(words, row + 2 + step, 1);
    return true;
  }

  #callerRow(caller: Int32Array): number {
    const { words } = this.#layout;
    let mixed = 0;
    for (let i = 0; i < 4; i++) mixed = Math.imul(mixed ^ caller[i]!, words[header.rowSalt + i]! | 1);
    mixed ^= caller[4]!;
    mixed = Math.imul(mixed ^ (mixed >>> 15), words[header.rowSalt]! | 1);
    return (mixed >>> 8) % callerRows;
  }

  /** Takes off a counter the entries whose step has ended. The thread that moves `swept` takes. */
  #sweep(counter: number, nowS: number): void {
    const { words, steps, stepS } = this.#layout;
    const nowStep = Math.floor(nowS / stepS);
    for (;;) {
      const swept = Atomics.load(words, counter + 1);
      if (swept >= nowStep) return;
      // After a long silence one round over the ring is the same as a step at a time.
      const next = Math.max(swept + 1, nowStep - steps + 1);
      if (Atomics.compareExchange(words, counter + 1, swept, next) !== swept) continue;
      Atomics.sub(words, counter, Atomics.exchange(words, counter + 2 + (next % steps), 0));
    }
  }
}

function raiseTo(words: Int32Array, at: number, value: number): void {
  for (let seen = Atomics.load(words, at); seen < value; ) {
    const found = Atomics.compareExchange(words, at, seen, value);
    if (found === seen) return;
    seen = found;
  }
}

/**
 * The replay table: which (caller, nonce) pairs were used, in one SharedArrayBuffer that all fronts write.
 * Runs on the fronts; main creates the memory and reads the count.
 *
 *   slots        expiry second + 128-bit keyed fingerprint: 20 bytes each, 8 to a bucket
 *   overflow     per bucket: until which second an entry that belongs here may lie in a later bucket
 *   locks        one word per stripe of fingerprints; the same pair always meets the same stripe
 *   counters     live entries and in which second they end, once for all and once per caller row
 *
 * An entry is free as soon as its second has come, without anyone sweeping: a past expiry reads as empty, and
 * a chain of buckets ends where `overflow` has passed. A table full of live entries refuses; evicting one
 * would re-open the request that it stands for.
 *
 * Fronts that claim one pair at one instant meet at its stripe lock, which is held for a single probe and is
 * contended by copies of one request only. Different pairs may race for one free slot; the
 * compare-and-exchange on its expiry word decides.
 */
import { hash, randomBytes } from 'node:crypto';
import type { ClaimResult, NonceClaim } from '../lib/nonceClaim.js';
import { lock, unlock } from './spinLock.js';

/** Memory that is shared can always be asked. */
export type TableClaimResult = Exclude<ClaimResult, 'unavailable'>;

export interface ReplayTableOptions {
  /** Live entries at most. One caller holds at most half. */
  readonly capacity: number;
  /** Longest life of an entry in seconds. */
  readonly maxLifetimeS: number;
}

const slotsPerBucket = 8;
/** At 3/4 load nearly every entry fits its own bucket or the next; the bench prints the claim cost at full. */
const slotsPerEntry = 4 / 3;
const stripes = 65_536;
/** Callers share a row by chance of a keyed hash only; two callers in one row hold half *together*. */
const callerRows = 16_384;
/** Ends of life are counted in at most this many steps; a longer lifetime makes each step longer. */
const maxSteps = 128;
/** The last second that a word holds, in January 2038. */
const latestEndS = 2 ** 31 - 1;
/** Written over a free slot's expiry while its fingerprint is being stored. */
const busy = -1;
const keyBytes = 32;
const addressBytes = 20;
const maxNonceBytes = 512;
const fingerprintBytes = 32;
/** Words of the fingerprint that pick the bucket and the stripe; words 0–3 are the ones compared. */
const bucketWord = 4;
const stripeWord = 5;

/** Words of the header. */
const header = {
  buckets: 0,
  capacity: 1,
  stepS: 2,
  steps: 3,
  rowSalt: 4,
  key: 8,
  latestS: 8 + keyBytes / 4,
  length: 9 + keyBytes / 4,
};

interface Layout {
  readonly words: Int32Array;
  readonly buckets: number;
  readonly capacity: number;
  readonly stepS: number;
  readonly steps: number;
  /** Word offsets of the parts. */
  readonly expiries: number;
  readonly fingerprints: number;
  readonly overflow: number;
  readonly locks: number;
  readonly counters: number;
}

const counterWords = (steps: number): number => 2 + steps;

function sizeInWords(buckets: number, steps: number): number {
  const slots = buckets * slotsPerBucket;
  return header.length + slots * 5 + buckets + stripes + (1 + callerRows) * counterWords(steps);
}

function layoutOf(memory: SharedArrayBuffer): Layout {
  const words = new Int32Array(memory);
  const buckets = words[header.buckets]!;
  const slots = buckets * slotsPerBucket;
  const expiries = header.length;
  const fingerprints = expiries + slots;
  const overflow = fingerprints + slots * 4;
  const locks = overflow + buckets;
  return {
    words,
    buckets,
    capacity: words[header.capacity]!,
    stepS: words[header.stepS]!,
    steps: words[header.steps]!,
    expiries,
    fingerprints,
    overflow,
    locks,
    counters: locks + stripes,
  };
}

/** Memory for a table; pages that no entry ever touched cost no RAM. */
export function createReplayTable({ capacity, maxLifetimeS }: ReplayTableOptions): SharedArrayBuffer {
  const buckets = Math.max(2, Math.ceil((capacity * slotsPerEntry) / slotsPerBucket));
  const stepS = Math.max(1, Math.ceil(maxLifetimeS / (maxSteps - 2)));
  const steps = Math.ceil(maxLifetimeS / stepS) + 2;
  const memory = new SharedArrayBuffer(sizeInWords(buckets, steps) * 4);
  const words = new Int32Array(memory);
  words[header.buckets] = buckets;
  words[header.capacity] = capacity;
  words[header.stepS] = stepS;
  words[header.steps] = steps;
  const random = randomBytes(4 * 4 + keyBytes);
  for (let i = 0; i < random.length / 4; i++) words[header.rowSalt + i] = random.readInt32LE(i * 4);
  return memory;
}

export class ReplayTable {
  readonly #layout: Layout;
  /** key ‖ caller ‖ nonce; the first part never changes. */
  readonly #input = Buffer.alloc(keyBytes + addressBytes + maxNonceBytes);
  readonly #inputWords: Int32Array;
  /** The fingerprint of the pair that is being claimed. */
  readonly #fingerprint = Buffer.alloc(fingerprintBytes);
  readonly #fingerprintWords = wordsOf(this.#fingerprint);

  constructor(memory: SharedArrayBuffer) {
    this.#layout = layoutOf(memory);
    this.#inputWords = wordsOf(this.#input);
    for (let i = 0; i < keyBytes / 4; i++) this.#inputWords[i] = this.#layout.words[header.key + i]!;
  }

  /** Claims a pair once over all threads. Call only for a request whose signature was verified. */
  claim({ caller, nonce, expiresAtS, nowS: clockS }: NonceClaim): TableClaimResult {
    const { locks, words } = this.#layout;
    // A clock that is set back would make requests valid again whose entries it has freed before.
    raiseTo(words, header.latestS, clockS);
    const nowS = Atomics.load(words, header.latestS);
    if (expiresAtS <= nowS) return 'expired';
    // Only reached with an `auth.maxAge` of years: as a word of 32 bits that end would lie in the past.
    if (expiresAtS > latestEndS) return 'full';
    this.#takeFingerprint(caller, nonce);
    const stripe = locks + ((this.#fingerprintWords[stripeWord]! >>> 0) % stripes);
    lock(words, stripe);
    try {
      if (this.#holds(nowS)) return 'replayed';
      // Again: in the meantime another front may have come to a later second and written over the very entry that
      // was looked for. It raises the second before it writes, so this read cannot miss it.
      if (expiresAtS <= Atomics.load(words, header.latestS)) return 'expired';
      if (!this.#reserve(caller, expiresAtS, nowS)) return 'full';
      return this.#insert(expiresAtS, nowS) ? 'claimed' : 'full';
    } finally {
      unlock(words, stripe);
    }
  }

  /** Live entries. */
  count(nowS: number): number {
    return this.#live(this.#layout.counters, nowS);
  }

  #takeFingerprint(caller: Int32Array, nonce: string): void {
    this.#inputWords.set(caller, keyBytes / 4);
    const end = keyBytes + addressBytes + this.#input.write(nonce, keyBytes + addressBytes, 'latin1');
    // As a string of one character per byte: asking for a Buffer costs three times as much (the bench shows it).
    this.#fingerprint.write(hash('sha256', this.#input.subarray(0, end), 'binary'), 'binary');
  }

  #holds(nowS: number): boolean {
    const { words, buckets, expiries, fingerprints, overflow } = this.#layout;
    const fingerprint = this.#fingerprintWords;
    const a = fingerprint[0]!;
    const b = fingerprint[1]!;
    const c = fingerprint[2]!;
    const d = fingerprint[3]!;
    let bucket = (fingerprint[bucketWord]! >>> 0) % buckets;
    for (let seen = 0; seen < buckets; seen++) {
      const first = bucket * slotsPerBucket;
      for (let slot = first; slot < first + slotsPerBucket; slot++) {
        if (Atomics.load(words, expiries + slot) <= nowS) continue;
        const at = fingerprints + slot * 4;
        if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return true;
      }
      if (Atomics.load(words, overflow + bucket) <= nowS) return false;
      bucket = bucket + 1 === buckets ? 0 : bucket + 1;
    }
    return false;
  }

  /**
   * Stores the entry that `#reserve` made room for. False when no slot was free all the same: a thread whose
   * clock is a second ahead may have counted entries off and used their slots. The entry then stays counted
   * until its end, which errs towards refusing.
   */
  #insert(expiresAtS: number, nowS: number): boolean {
    const { words, buckets, expiries, fingerprints, overflow } = this.#layout;
    const fingerprint = this.#fingerprintWords;
    let bucket = (fingerprint[bucketWord]! >>> 0) % buckets;
    for (let tried = 0; tried < buckets; tried++) {
      const first = bucket * slotsPerBucket;
      for (let slot = first; slot < first + slotsPerBucket; slot++) {
        const seen = Atomics.load(words, expiries + slot);
        if (seen === busy || seen > nowS) continue;
        if (Atomics.compareExchange(words, expiries + slot, seen, busy) !== seen) continue;
        for (let i = 0; i < 4; i++) words[fingerprints + slot * 4 + i] = fingerprint[i]!;
        Atomics.store(words, expiries + slot, expiresAtS);
        return true;
      }
      raiseTo(words, overflow + bucket, expiresAtS);
      bucket = bucket + 1 === buckets ? 0 : bucket + 1;
    }
    return false;
  }

  /** Counts the entry for all and for its caller, unless that would exceed a bound. */
  #reserve(caller: Int32Array, expiresAtS: number, nowS: number): boolean {
    const { words, capacity, counters, steps, stepS } = this.#layout;
    const row = counters + (1 + this.#callerRow(caller)) * counterWords(steps);
    this.#live(counters, nowS);
    this.#live(row, nowS);
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

  /** A counter's live entries, after taking off those whose step has ended. The thread that moves `swept` takes. */
  #live(counter: number, nowS: number): number {
    const { words, steps, stepS } = this.#layout;
    const nowStep = Math.floor(nowS / stepS);
    for (;;) {
      const swept = Atomics.load(words, counter + 1);
      if (swept >= nowStep) return Atomics.load(words, counter);
      // After a long silence one round over the ring is the same as a step at a time.
      const next = Math.max(swept + 1, nowStep - steps + 1);
      if (Atomics.compareExchange(words, counter + 1, swept, next) !== swept) continue;
      Atomics.sub(words, counter, Atomics.exchange(words, counter + 2 + (next % steps), 0));
    }
  }
}

function wordsOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
}

function raiseTo(words: Int32Array, at: number, value: number): void {
  for (let seen = Atomics.load(words, at); seen < value; ) {
    const found = Atomics.compareExchange(words, at, seen, value);
    if (found === seen) return;
    seen = found;
  }
}

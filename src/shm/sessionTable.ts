/**
 * The session keys of this process in one SharedArrayBuffer: made on one front, read on all. Runs on the fronts;
 * main creates the memory.
 *
 *   expiries     second in which each session ends: a slot whose second has come is free without anyone sweeping
 *   versions     odd while a slot is being written
 *   order        when each session was made, as a running number: the oldest of a caller gives way
 *   records      id, caller and key: 17 words each
 *   overflow     per bucket: until which second a session that belongs here may lie in a later bucket
 *
 * Sessions are made rarely and read with every request. So writers take one lock and look at every slot, which
 * makes both bounds exact; readers take none: they read a slot between two looks at its version.
 */
import { type AddressText, addressBytes, addressText } from '../lib/address.js';
import { addressWords } from '../lib/addressWords.js';
import { hexByte } from '../lib/hex.js';
import type { Session } from '../lib/session.js';
import { lock, unlock } from './spinLock.js';

export interface SessionTableOptions {
  /** Live sessions at most, over all callers. */
  readonly capacity: number;
  /** Live sessions of one caller at most, and never more than half of all. */
  readonly perCaller: number;
}

const slotsPerBucket = 8;
/** Half empty when full, so that nearly every session lies in its own bucket. */
const slotsPerSession = 2;
const idWords = 4;
const callerWords = 5;
const keyWords = 8;
const recordWords = idWords + callerWords + keyWords;
const callerAt = idWords;
const keyAt = idWords + callerWords;
/** A writer holds a slot for less than a microsecond; a reader that meets one for longer calls it free. */
const readAttempts = 10_000;

/** Words of the header. */
const header = { buckets: 0, capacity: 1, perCaller: 2, lock: 3, made: 4, length: 5 };

/** Memory for a table; pages that no session ever touched cost no RAM. */
export function createSessionTable({ capacity, perCaller }: SessionTableOptions): SharedArrayBuffer {
  const buckets = Math.max(2, Math.ceil((capacity * slotsPerSession) / slotsPerBucket));
  const slots = buckets * slotsPerBucket;
  const memory = new SharedArrayBuffer((header.length + slots * (3 + recordWords) + buckets) * 4);
  const words = new Int32Array(memory);
  words[header.buckets] = buckets;
  words[header.capacity] = capacity;
  words[header.perCaller] = Math.max(1, Math.min(perCaller, Math.floor(capacity / 2)));
  return memory;
}

export class SessionTable {
  readonly #words: Int32Array;
  readonly #buckets: number;
  readonly #slots: number;
  /** Word offsets of the parts. */
  readonly #expiries = header.length;
  readonly #versions: number;
  readonly #order: number;
  readonly #records: number;
  readonly #overflow: number;
  /** The id that is looked for, and the record that was read last. */
  readonly #wanted = new Int32Array(idWords);
  readonly #record = new Int32Array(recordWords);
  readonly #recordBytes = new Uint8Array(this.#record.buffer);
  /** By slot, who was read there last. */
  readonly #callers = new Map<number, { readonly words: Int32Array; readonly text: AddressText }>();

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#buckets = this.#words[header.buckets]!;
    this.#slots = this.#buckets * slotsPerBucket;
    this.#versions = this.#expiries + this.#slots;
    this.#order = this.#versions + this.#slots;
    this.#records = this.#order + this.#slots;
    this.#overflow = this.#records + this.#slots * recordWords;
  }

  /** Stores a new session; the caller's oldest ones give way to it. */
  put(session: Session, nowS: number): 'stored' | 'full' {
    const words = this.#words;
    const record = recordOf(session);
    lock(words, header.lock);
    try {
      const { live, own } = this.#count(record, nowS);
      const surplus = own.length - words[header.perCaller]! + 1;
      if (live - Math.max(0, surplus) >= words[header.capacity]!) return 'full';
      // As a difference of 32 bits, so that the running number may wrap.
      own.sort((a, b) => (words[this.#order + a]! - words[this.#order + b]!) | 0);
      for (const slot of own.slice(0, Math.max(0, surplus))) this.#clear(slot);
      return this.#insert(record, session.expiresAtS, nowS) ? 'stored' : 'full';
    } finally {
      unlock(words, header.lock);
      Atomics.notify(words, header.lock);
    }
  }

  /** The session of that id, unless it has ended. */
  find(id: string, nowS: number): Session | undefined {
    const wanted = idWordsOf(id, this.#wanted);
    let bucket = this.#bucketOf(wanted);
    for (let seen = 0; seen < this.#buckets; seen++) {
      const first = bucket * slotsPerBucket;
      for (let slot = first; slot < first + slotsPerBucket; slot++) {
        if (Atomics.load(this.#words, this.#expiries + slot) <= nowS) continue;
        // Mostly another session, which this one word tells.
        if (Atomics.load(this.#words, this.#records + slot * recordWords) !== wanted[0]) continue;
        const found = this.#read(slot, wanted, nowS);
        if (found !== undefined) return { id, ...found };
      }
      if (Atomics.load(this.#words, this.#overflow + bucket) <= nowS) return undefined;
      bucket = bucket + 1 === this.#buckets ? 0 : bucket + 1;
    }
    return undefined;
  }

  /** Live sessions, and the slots of those of the same caller. */
  #count(record: Int32Array, nowS: number): { live: number; own: number[] } {
    const words = this.#words;
    const own: number[] = [];
    let live = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      if (Atomics.load(words, this.#expiries + slot) <= nowS) continue;
      live++;
      const at = this.#records + slot * recordWords;
      let isOwn = true;
      for (let i = callerAt; i < keyAt && isOwn; i++) isOwn = Atomics.load(words, at + i) === record[i];
      if (isOwn) own.push(slot);
    }
    return { live, own };
  }

  /** False when no slot was free, which the count under the lock rules out. */
  #insert(record: Int32Array, expiresAtS: number, nowS: number): boolean {
    const words = this.#words;
    let bucket = this.#bucketOf(record);
    for (let tried = 0; tried < this.#buckets; tried++) {
      const first = bucket * slotsPerBucket;
      for (let slot = first; slot < first + slotsPerBucket; slot++) {
        if (Atomics.load(words, this.#expiries + slot) > nowS) continue;
        this.#write(slot, record, expiresAtS);
        return true;
      }
      const overflow = this.#overflow + bucket;
      Atomics.store(words, overflow, Math.max(Atomics.load(words, overflow), expiresAtS));
      bucket = bucket + 1 === this.#buckets ? 0 : bucket + 1;
    }
    return false;
  }

  #write(slot: number, record: Int32Array, expiresAtS: number): void {
    const words = this.#words;
    const at = this.#records + slot * recordWords;
    Atomics.add(words, this.#versions + slot, 1);
    for (let i = 0; i < recordWords; i++) Atomics.store(words, at + i, record[i]!);
    Atomics.store(words, this.#order + slot, Atomics.add(words, header.made, 1));
    Atomics.store(words, this.#expiries + slot, expiresAtS);
    Atomics.add(words, this.#versions + slot, 1);
  }

  /** The key goes too: a session that gave way leaves no secret behind. */
  #clear(slot: number): void {
    this.#write(slot, new Int32Array(recordWords), 0);
  }

  /** What a slot holds, if it is the wanted session; every word atomically, so that no read moves past a version. */
  #read(slot: number, wanted: Int32Array, nowS: number): Omit<Session, 'id'> | undefined {
    const words = this.#words;
    const at = this.#records + slot * recordWords;
    const record = this.#record;
    for (let attempt = 0; attempt < readAttempts; attempt++) {
      const version = Atomics.load(words, this.#versions + slot);
      if (version % 2 !== 0) continue;
      for (let i = 0; i < recordWords; i++) record[i] = Atomics.load(words, at + i);
      const expiresAtS = Atomics.load(words, this.#expiries + slot);
      if (Atomics.load(words, this.#versions + slot) !== version) continue;
      if (expiresAtS <= nowS || !isSameId(record, wanted)) return undefined;
      return { caller: this.#callerOf(slot), key: this.#recordBytes.slice(keyAt * 4), expiresAtS };
    }
    return undefined;
  }

  /** The caller of the session that was read from a slot, mostly the one that was read there before. */
  #callerOf(slot: number): AddressText {
    const record = this.#record;
    const before = this.#callers.get(slot);
    if (before !== undefined && isSameCaller(record, before.words)) return before.text;
    const words = record.slice(callerAt, keyAt);
    const text = callerText(words);
    this.#callers.set(slot, { words, text });
    return text;
  }

  #bucketOf(record: Int32Array): number {
    // Ids are drawn at random, so any of their words is a hash.
    return (record[0]! >>> 0) % this.#buckets;
  }
}

function recordOf({ id, caller, key }: Session): Int32Array {
  const record = new Int32Array(recordWords);
  record.set(idWordsOf(id), 0);
  record.set(addressWords(addressBytes(caller)), callerAt);
  Buffer.from(record.buffer).set(key, keyAt * 4);
  return record;
}

function idWordsOf(id: string, into = new Int32Array(idWords)): Int32Array {
  for (let i = 0; i < idWords; i++) {
    const at = i * 8;
    into[i] =
      hexByte(id, at) |
      (hexByte(id, at + 2) << 8) |
      (hexByte(id, at + 4) << 16) |
      (hexByte(id, at + 6) << 24);
  }
  return into;
}

function isSameId(record: Int32Array, wanted: Int32Array): boolean {
  for (let i = 0; i < idWords; i++) if (record[i] !== wanted[i]) return false;
  return true;
}

function isSameCaller(record: Int32Array, words: Int32Array): boolean {
  for (let i = 0; i < callerWords; i++) if (record[callerAt + i] !== words[i]) return false;
  return true;
}

/** Address words are little-endian whatever the machine is. */
function callerText(words: Int32Array): AddressText {
  const bytes = Buffer.alloc(callerWords * 4);
  for (let i = 0; i < callerWords; i++) bytes.writeInt32LE(words[i]!, i * 4);
  return addressText(bytes);
}

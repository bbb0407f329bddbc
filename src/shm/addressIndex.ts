/**
 * A set of addresses as bytes that need no decoding: an open-addressing hash table at no more than half load,
 * written by the registry thread and searched by fronts where it lies, without allocating.
 *
 *     word 0  magic     word 1  slots, a power of two     word 2  addresses     word 3  seed of the hash
 *     then per slot: five little-endian words of the address, one word of flags; flags 0 = empty slot
 */
import { NodeError } from '../errors/nodeError.js';
import { addressWords } from '../lib/addressWords.js';

const magic = 0x61647831;
const headerWords = 4;
const slotWords = 6;
const flagsWord = 5;

/** Flags of an address: bits that say which entries of the registry name it. */
export const namedByActive = 1;
export const namedByPaused = 2;

export interface IndexedAddress {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** At least one bit. */
  readonly flags: number;
}

/** Whoever registers picks addresses; without knowing the seed they cannot pick them to share a slot. */
const processSeed = crypto.getRandomValues(new Int32Array(1))[0] as number;

/** Size in bytes of the index of up to `addresses` addresses. */
export const addressIndexBytes = (addresses: number): number =>
  4 * (headerWords + slotWords * slotsFor(addresses));

function slotsFor(addresses: number): number {
  let slots = 2;
  while (slots < 2 * addresses) slots *= 2;
  return slots;
}

function hashWords(seed: number, words: Int32Array, at: number): number {
  let hash = seed;
  for (let i = 0; i < 5; i++) {
    hash = Math.imul(hash ^ (words[at + i] as number), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The slot that holds the address at `words[at…]`, or the empty slot where it belongs. */
function findSlot(table: Int32Array, slots: number, seed: number, words: Int32Array, at: number): number {
  let slot = hashWords(seed, words, at) & (slots - 1);
  // Bounded, so that a damaged table without an empty slot cannot hang a front.
  for (let probes = 0; probes < slots; probes++) {
    const base = headerWords + slot * slotWords;
    if (
      table[base + flagsWord] === 0 ||
      (table[base] === words[at] &&
        table[base + 1] === words[at + 1] &&
        table[base + 2] === words[at + 2] &&
        table[base + 3] === words[at + 3] &&
        table[base + 4] === words[at + 4])
    ) {
      return base;
    }
    slot = (slot + 1) & (slots - 1);
  }
  return -1;
}

/** Encodes `entries`; the flags of an address that occurs more than once are joined. */
export function encodeAddressIndex(entries: Iterable<IndexedAddress>, seed = processSeed): Uint8Array {
  const list = [...entries];
  const slots = slotsFor(list.length);
  const table = new Int32Array(headerWords + slotWords * slots);
  const words = new Int32Array(5);
  let size = 0;
  for (const { address, flags } of list) {
    if (address.byteLength !== 20 || flags === 0) {
      throw new NodeError('internal_error', { meta: { addressBytes: address.byteLength, flags } });
    }
    addressWords(address, words);
    const base = findSlot(table, slots, seed, words, 0);
    if (table[base + flagsWord] === 0) {
      table.set(words, base);
      size++;
    }
    table[base + flagsWord] = (table[base + flagsWord] as number) | flags;
  }
  table.set([magic, slots, size, seed]);
  return new Uint8Array(table.buffer);
}

export class AddressIndex {
  /** How many addresses it holds. */
  readonly size: number;
  readonly #table: Int32Array;
  readonly #slots: number;
  readonly #seed: number;

  /** Reads `bytes` in place when they are 4-byte aligned; throws `snapshot_corrupt` when they are no index. */
  constructor(bytes: Uint8Array) {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const table = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2);
    const [kind, slots = 0, size = 0, seed = 0] = table;
    const isPowerOfTwo = slots >= 2 && (slots & (slots - 1)) === 0;
    const fits = bytes.byteLength === 4 * (headerWords + slotWords * slots);
    if (kind !== magic || !isPowerOfTwo || !fits || size < 0 || size * 2 > slots) {
      throw new NodeError('snapshot_corrupt', { meta: { bytes: bytes.byteLength, slots, size } });
    }
    this.#table = table;
    this.#slots = slots;
    this.#seed = seed;
    this.size = size;
  }

  /** The flags of the address whose five little-endian words are given; 0 when it is absent. */
  lookup(words: Int32Array): number {
    const base = findSlot(this.#table, this.#slots, this.#seed, words, 0);
    return base < 0 ? 0 : (this.#table[base + flagsWord] as number);
  }
}

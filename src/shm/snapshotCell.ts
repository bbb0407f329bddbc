/**
 * One value shared by one writer thread and many readers: two slots and a generation counter in a
 * SharedArrayBuffer. The writer fills the slot that readers are not on, then bumps the generation; a reader
 * copies its slot, looks at the generation again and decodes once per generation.
 *
 *     word 0  magic            word 4  age, high word as written first
 *     word 1  capacity         word 5  age, low word
 *     word 2  generation       word 6  age, high word as written last
 *     word 3  (unused)         word 8 + 2·slot  length and checksum of a slot
 *     then slot 0, then slot 1
 *
 * The checksum stands beside the generation because nothing in JavaScript keeps the plain copy from being
 * carried out after the second look at the generation, and because a writer that died half-way must be noticed.
 * Written by the registry thread, read by fronts and main.
 */
import { NodeError } from '../errors/nodeError.js';

const magic = 0x66786e31;
const headerBytes = 64;
const capacityWord = 1;
const generationWord = 2;
const ageHighFirstWord = 4;
const ageLowWord = 5;
const ageHighLastWord = 6;
const slotWord = 8;

/** Enough for any writer that publishes less often than a copy takes; then the reader answers with what it has. */
const maxAttempts = 16;
const ageBase = 2 ** 31;

export interface CellWriter {
  /**
   * Makes `bytes` the value and `readAtMs` its age; the generation moves only when the bytes changed.
   * Throws `snapshot_overflow` and changes nothing, the age included, when `bytes` exceeds the capacity.
   */
  publish(bytes: Uint8Array, readAtMs: number): void;
}

export interface CellReader<T> {
  /**
   * The current value, the same frozen object until the next generation. While the writer outruns the copy the
   * previous value stands in; a generation that cannot be read back whole is `undefined`, because an older
   * value under the newer age would look fresh. Costs one atomic load while the generation stands still.
   */
  read(): T | undefined;
  /** How often the content has changed; 0 before the first value. */
  generation(): number;
  /** Unix ms of the last successful read behind the value; 0 before the first. */
  readAtMs(): number;
}

interface CellViews {
  readonly words: Int32Array;
  readonly capacityBytes: number;
  readonly slots: readonly [Uint8Array, Uint8Array];
}

const roundUp = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** An empty cell for values of up to `capacityBytes`; takes twice that of memory. */
export function createSnapshotCell(capacityBytes: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(headerBytes + 2 * roundUp(capacityBytes));
  const words = new Int32Array(buffer);
  words[0] = magic;
  words[capacityWord] = capacityBytes;
  return buffer;
}

function openViews(buffer: SharedArrayBuffer): CellViews {
  const words = new Int32Array(buffer, 0, headerBytes / 4);
  const capacityBytes = words[capacityWord] ?? 0;
  if (words[0] !== magic || buffer.byteLength !== headerBytes + 2 * roundUp(capacityBytes)) {
    throw new NodeError('snapshot_corrupt', { meta: { reason: 'not a snapshot cell' } });
  }
  const slot = (index: number): Uint8Array =>
    new Uint8Array(buffer, headerBytes + index * roundUp(capacityBytes), capacityBytes);
  return { words, capacityBytes, slots: [slot(0), slot(1)] };
}

/** FNV-1a over 32-bit words with the high half folded in after each, so that every bit reaches every other. */
function checksum(bytes: Uint8Array): number {
  const wholeWords = bytes.byteLength >>> 2;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, wholeWords);
  let hash = 0x811c9dc5 ^ bytes.byteLength;
  for (let i = 0; i < wholeWords; i++) {
    hash = Math.imul(hash ^ (words[i] as number), 0x01000193);
    hash ^= hash >>> 15;
  }
  let tail = 0;
  for (let i = wholeWords * 4; i < bytes.byteLength; i++) tail = (tail << 8) | (bytes[i] as number);
  hash = Math.imul(hash ^ tail, 0x01000193);
  return hash ^ (hash >>> 15);
}

const asBuffer = (view: Uint8Array): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** The writing end. A restarted writer opens the same cell again and goes on at the generation it finds. */
export function openCellWriter(buffer: SharedArrayBuffer): CellWriter {
  const { words, capacityBytes, slots } = openViews(buffer);

  const storeAge = (readAtMs: number): void => {
    const high = Math.floor(readAtMs / ageBase);
    Atomics.store(words, ageHighFirstWord, high);
    Atomics.store(words, ageLowWord, Math.floor(readAtMs % ageBase));
    Atomics.store(words, ageHighLastWord, high);
  };

  const holds = (generation: number, bytes: Uint8Array): boolean => {
    if (generation === 0) return false;
    const index = generation & 1;
    if (words[slotWord + 2 * index] !== bytes.byteLength) return false;
    const slot = slots[index as 0 | 1].subarray(0, bytes.byteLength);
    return asBuffer(slot).equals(bytes) && words[slotWord + 2 * index + 1] === checksum(slot);
  };

  return {
    publish(bytes, readAtMs) {
      if (bytes.byteLength > capacityBytes) {
        throw new NodeError('snapshot_overflow', { meta: { bytes: bytes.byteLength, capacityBytes } });
      }
      const generation = Atomics.load(words, generationWord);
      if (!holds(generation, bytes)) {
        // A counter that wrapped to 0 would read as "nothing published"; 2 keeps the slot that 0 would take.
        const next = generation === 0x7fffffff ? 2 : generation + 1;
        const index = (next & 1) as 0 | 1;
        const slot = slots[index].subarray(0, bytes.byteLength);
        slot.set(bytes);
        words[slotWord + 2 * index] = bytes.byteLength;
        words[slotWord + 2 * index + 1] = checksum(slot);
        Atomics.store(words, generationWord, next);
      }
      storeAge(readAtMs);
    },
  };
}

/**
 * A reading end. `decode` gets a private, 8-byte aligned copy and must return an object that can be frozen
 * (a bare typed array cannot); a decode that throws counts as a generation that cannot be read back.
 */
export function openCellReader<T>(
  buffer: SharedArrayBuffer,
  decode: (bytes: Uint8Array) => T,
): CellReader<T> {
  const { words, capacityBytes, slots } = openViews(buffer);
  let value: T | undefined;
  let seenGeneration = 0;

  const copyOf = (generation: number): Uint8Array | undefined => {
    const index = (generation & 1) as 0 | 1;
    const length = words[slotWord + 2 * index] as number;
    const expected = words[slotWord + 2 * index + 1] as number;
    if (length < 0 || length > capacityBytes) return undefined;
    const copy = new Uint8Array(length);
    copy.set(slots[index].subarray(0, length));
    return checksum(copy) === expected ? copy : undefined;
  };

  const refresh = (): T | undefined => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const before = Atomics.load(words, generationWord);
      const copy = copyOf(before);
      if (Atomics.load(words, generationWord) !== before) continue;
      if (copy === undefined && attempt < maxAttempts - 1) continue;
      seenGeneration = before;
      value = copy === undefined ? undefined : decodeWhole(copy);
      return value;
    }
    return value;
  };

  const decodeWhole = (copy: Uint8Array): T | undefined => {
    try {
      return Object.freeze(decode(copy));
    } catch {
      // The bytes are what the writer wrote, so trying again would end the same way.
      return undefined;
    }
  };

  return {
    read() {
      return Atomics.load(words, generationWord) === seenGeneration ? value : refresh();
    },
    generation: () => Atomics.load(words, generationWord),
    readAtMs() {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        // In the opposite order of the writer: equal high words mean that the low word belongs to them.
        const last = Atomics.load(words, ageHighLastWord);
        const low = Atomics.load(words, ageLowWord);
        if (last === Atomics.load(words, ageHighFirstWord)) return last * ageBase + low;
      }
      // A writer that died between the two: no age is known until it is back.
      return 0;
    },
  };
}

/**
 * What each caller has used of its limits, in one SharedArrayBuffer that all fronts write. Runs on the fronts;
 * main creates the memory and returns a dead front's streams.
 *
 *   locks      one word per bucket; a caller's row lies in the bucket that its address hashes to
 *   callers    whether a row is taken, and whose it is
 *   streams    per row, requests in flight by front; the limit is about their sum
 *   full at    per row, the moments at which its two buckets (requests, tokens) will be full again
 *
 * A row whose buckets are full and that has no stream says nothing that a fresh one would not, so it may be given
 * to another caller; no other row ever is. Only authenticated callers come here, a few thousand registered
 * gateways: 10,000 that are all active at once still find a row each but for one in a hundred thousand.
 */
import { randomBytes } from 'node:crypto';
import { type BucketLevels, type CallerLimits, type LimitRefusal, refusalOf } from '../lib/callerLimits.js';
import { lock, unlock } from './spinLock.js';

export interface LimitTableOptions {
  readonly fronts: number;
  readonly buckets?: number;
  readonly rowsPerBucket?: number;
}

export interface TableAdmission {
  readonly isAdmitted: true;
  readonly levels: BucketLevels;
  /** What `leave` is told. */
  readonly row: number;
}

/** `full`: every row that could be this caller's belongs to somebody who uses it. */
export type TableVerdict = TableAdmission | LimitRefusal | 'full';

const defaultBuckets = 256;
const defaultRowsPerBucket = 64;
const addressLength = 5;
/** Whether the row is taken, and the address. */
const callerWords = 1 + addressLength;

/** Words of the header. */
const header = { fronts: 0, buckets: 1, rowsPerBucket: 2, salt: 3, length: 3 + addressLength };

export function createLimitTable(options: LimitTableOptions): SharedArrayBuffer {
  const { fronts, buckets = defaultBuckets, rowsPerBucket = defaultRowsPerBucket } = options;
  const { fullAt, rows } = offsetsOf(fronts, buckets, rowsPerBucket);
  const memory = new SharedArrayBuffer(fullAt * 4 + rows * 2 * 8);
  const words = new Int32Array(memory);
  words[header.fronts] = fronts;
  words[header.buckets] = buckets;
  words[header.rowsPerBucket] = rowsPerBucket;
  const random = randomBytes(addressLength * 4);
  for (let i = 0; i < addressLength; i++) words[header.salt + i] = random.readInt32LE(i * 4);
  return memory;
}

/** Offsets in words. */
function offsetsOf(fronts: number, buckets: number, rowsPerBucket: number) {
  const rows = buckets * rowsPerBucket;
  const locks = header.length;
  const callers = locks + buckets;
  const streams = callers + rows * callerWords;
  const end = streams + rows * fronts;
  // Numbers of eight bytes stand at even words.
  return { rows, locks, callers, streams, fullAt: end + (end % 2) };
}

export class LimitTable {
  readonly #limits: CallerLimits;
  readonly #words: Int32Array;
  readonly #fronts: number;
  readonly #buckets: number;
  readonly #rowsPerBucket: number;
  readonly #offsets: ReturnType<typeof offsetsOf>;
  /** Whole nanoseconds on the process's clock, two to a row. Touched under the lock of the row's bucket only. */
  readonly #fullAtNs: Float64Array;

  constructor(memory: SharedArrayBuffer, limits: CallerLimits) {
    this.#limits = limits;
    this.#words = new Int32Array(memory);
    this.#fronts = this.#words[header.fronts]!;
    this.#buckets = this.#words[header.buckets]!;
    this.#rowsPerBucket = this.#words[header.rowsPerBucket]!;
    this.#offsets = offsetsOf(this.#fronts, this.#buckets, this.#rowsPerBucket);
    this.#fullAtNs = new Float64Array(memory, this.#offsets.fullAt * 4, this.#offsets.rows * 2);
  }

  /** Lets one more request of the caller in, or says why not; a refusal takes nothing. */
  enter(caller: Int32Array, front: number, nowNs: number): TableVerdict {
    const { requests } = this.#limits;
    const bucket = this.#bucketOf(caller);
    const held = this.#lock(bucket);
    try {
      const row = this.#rowOf(caller, bucket, nowNs);
      if (row === -1) return 'full';
      const before = this.#levels(row, nowNs);
      const refusal = refusalOf(this.#limits, before, this.#streamsOf(row));
      if (refusal !== undefined) return refusal;
      let levels = before;
      if (requests !== undefined) {
        const requestsMissingNs = before.requestsMissingNs + requests.costNs;
        this.#fullAtNs[row * 2] = nowNs + requestsMissingNs;
        levels = { requestsMissingNs, tokensMissingNs: before.tokensMissingNs };
      }
      Atomics.add(this.#words, this.#streamWord(row, front), 1);
      return { isAdmitted: true, levels, row };
    } finally {
      unlock(this.#words, held);
    }
  }

  /** A request that was let in has ended, and these tokens were used for it. */
  leave(row: number, front: number, tokens: number, nowNs: number): void {
    const held = this.#lock(Math.floor(row / this.#rowsPerBucket));
    try {
      // Last of the two, because a row without streams may be given away; the lock keeps it until both are done.
      this.#charge(row, tokens, nowNs);
      Atomics.sub(this.#words, this.#streamWord(row, front), 1);
    } finally {
      unlock(this.#words, held);
    }
  }

  /** Returns the streams of a front that died. No other front writes that column. */
  clearFront(front: number): void {
    for (let row = 0; row < this.#offsets.rows; row++) {
      Atomics.store(this.#words, this.#streamWord(row, front), 0);
    }
  }

  #charge(row: number, tokens: number, nowNs: number): void {
    const rate = this.#limits.tokens;
    if (rate === undefined || tokens <= 0) return;
    const from = Math.max(nowNs, this.#fullAtNs[row * 2 + 1]!);
    this.#fullAtNs[row * 2 + 1] = from + Math.ceil(tokens * rate.costNs);
  }

  #levels(row: number, nowNs: number): BucketLevels {
    return {
      requestsMissingNs: Math.max(0, this.#fullAtNs[row * 2]! - nowNs),
      tokensMissingNs: Math.max(0, this.#fullAtNs[row * 2 + 1]! - nowNs),
    };
  }

  /** The caller's row, a free one made its own, or -1. Under the bucket's lock. */
  #rowOf(caller: Int32Array, bucket: number, nowNs: number): number {
    const words = this.#words;
    const first = bucket * this.#rowsPerBucket;
    let free = -1;
    for (let row = first; row < first + this.#rowsPerBucket; row++) {
      const at = this.#offsets.callers + row * callerWords;
      if (words[at] === 0) {
        // Rows are taken in order and never emptied, so the caller's cannot come after this one.
        if (free === -1) free = row;
        break;
      }
      if (isCaller(words, at + 1, caller)) return row;
      if (free === -1 && this.#isIdle(row, nowNs)) free = row;
    }
    if (free === -1) return -1;
    const at = this.#offsets.callers + free * callerWords;
    words[at] = 1;
    words.set(caller, at + 1);
    this.#fullAtNs[free * 2] = 0;
    this.#fullAtNs[free * 2 + 1] = 0;
    return free;
  }

  #isIdle(row: number, nowNs: number): boolean {
    const isFull = this.#fullAtNs[row * 2]! <= nowNs && this.#fullAtNs[row * 2 + 1]! <= nowNs;
    return isFull && this.#streamsOf(row) === 0;
  }

  #streamsOf(row: number): number {
    let sum = 0;
    for (let front = 0; front < this.#fronts; front++) {
      sum += Atomics.load(this.#words, this.#streamWord(row, front));
    }
    return sum;
  }

  #streamWord(row: number, front: number): number {
    return this.#offsets.streams + row * this.#fronts + front;
  }

  /** Keyed, so that nobody can choose addresses that meet in one bucket. */
  #bucketOf(caller: Int32Array): number {
    const words = this.#words;
    let mixed = 0;
    for (let i = 0; i < addressLength; i++) {
      mixed = Math.imul(mixed ^ caller[i]! ^ words[header.salt + i]!, 0x9e3779b1);
      mixed ^= mixed >>> 15;
    }
    return (mixed >>> 0) % this.#buckets;
  }

  /** Takes the bucket's lock and returns its word; it is held for one pass over the bucket's rows. */
  #lock(bucket: number): number {
    const at = this.#offsets.locks + bucket;
    lock(this.#words, at);
    return at;
  }
}

function isCaller(words: Int32Array, at: number, caller: Int32Array): boolean {
  for (let i = 0; i < addressLength; i++) if (words[at + i] !== caller[i]) return false;
  return true;
}

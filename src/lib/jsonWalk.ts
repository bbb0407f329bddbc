/**
 * Walks over the members of a JSON object, or the elements of an array, in bytes that are all there, and tells
 * where each value lies. Nothing is parsed, copied or allocated per member. Of what it passes over it checks no
 * more than it must to find the end, so that on broken JSON it stops early and never runs on. Runs on the fronts.
 */

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const colon = 0x3a;
const comma = 0x2c;

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Behind a scalar; also where a missing value would stand. */
const endsScalar = (byte: number): boolean =>
  byte === comma || byte === closeBrace || byte === closeBracket || isSpace(byte);

export class JsonWalk {
  readonly #bytes: Buffer;
  readonly #isObject: boolean;
  #at: number;
  #isFirst = true;
  #isOver = false;
  #isWhole = false;
  /** End of the current value, once somebody asked. */
  #valueEnd = -1;

  /** Offsets of the current key, without its quotes; of an array both are 0. */
  keyStart = 0;
  keyEnd = 0;
  /** Offset of the first byte of the current value. */
  valueStart = 0;
  /** Offset of the opening bracket. */
  readonly start: number;

  /** @param from where an object or an array begins, white space before it allowed */
  constructor(bytes: Buffer, from = 0) {
    this.#bytes = bytes;
    this.start = skipSpace(bytes, from);
    this.#isObject = bytes[this.start] === openBrace;
    this.#at = this.start + 1;
    if (!this.#isObject && bytes[this.start] !== openBracket) this.#isOver = true;
  }

  get isObject(): boolean {
    return this.#isObject;
  }

  /** True once `next` has met the closing bracket. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Goes to the next member; false at the end, and where the bytes are no JSON. */
  next(): boolean {
    if (this.#isOver || !this.#goOn()) {
      this.#isOver = true;
      return false;
    }
    this.#valueEnd = -1;
    return true;
  }

  /** Offset behind the current value, or −1 when it does not end. */
  valueEnd(): number {
    if (this.#valueEnd === -1) this.#valueEnd = endOfValue(this.#bytes, this.valueStart);
    return this.#valueEnd;
  }

  /** Whether the current key is `key`, which is ASCII, however it is escaped. */
  isKey(key: string): boolean {
    const bytes = this.#bytes;
    const { keyStart: start, keyEnd: end } = this;
    // Escapes only make a text longer.
    if (end - start === key.length) {
      for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false;
      return true;
    }
    return end - start > key.length && this.isKeyEscaped() && this.key(key.length) === key;
  }

  /** The current key, unescaped; `undefined` when it has certainly more than `maxLength` characters. */
  key(maxLength: number): string | undefined {
    return textOf(this.#bytes, this.keyStart, this.keyEnd, maxLength);
  }

  /** Whether the current key is written with escapes. */
  isKeyEscaped(): boolean {
    for (let at = this.keyStart; at < this.keyEnd; at++) if (this.#bytes[at] === backslash) return true;
    return false;
  }

  #goOn(): boolean {
    const bytes = this.#bytes;
    if (!this.#isFirst) {
      const end = this.valueEnd();
      if (end === -1) return false;
      this.#at = end;
    }
    let at = skipSpace(bytes, this.#at);
    const closer = this.#isObject ? closeBrace : closeBracket;
    if (bytes[at] === closer) {
      this.#isWhole = true;
      return false;
    }
    if (!this.#isFirst) {
      if (bytes[at] !== comma) return false;
      at = skipSpace(bytes, at + 1);
    }
    this.#isFirst = false;
    if (this.#isObject) {
      if (bytes[at] !== quote) return false;
      const end = endOfString(bytes, at);
      if (end === -1) return false;
      this.keyStart = at + 1;
      this.keyEnd = end - 1;
      at = skipSpace(bytes, end);
      if (bytes[at] !== colon) return false;
      at = skipSpace(bytes, at + 1);
    }
    if (at >= bytes.length) return false;
    this.valueStart = at;
    return true;
  }
}

/** The unescaped text of string content; `undefined` when it is longer than wanted or no JSON string. */
export function textOf(bytes: Buffer, start: number, end: number, maxLength: number): string | undefined {
  // A character takes at most six bytes as an escape, and no more than three as UTF-8 for a UTF-16 unit.
  if (end - start > 6 * maxLength) return undefined;
  const raw = bytes.toString('utf8', start, end);
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return undefined;
  }
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  return at;
}

/** Offset behind the string whose opening quote stands at `start`, or −1. */
function endOfString(bytes: Buffer, start: number): number {
  let from = start + 1;
  for (;;) {
    const at = bytes.indexOf(quote, from);
    if (at === -1) return -1;
    // Escaped by an odd run of backslashes. Each run is read once: it ends at the quote before.
    let run = at - 1;
    while (run >= from && bytes[run] === backslash) run--;
    if ((at - 1 - run) % 2 === 0) return at + 1;
    from = at + 1;
  }
}

function endOfValue(bytes: Buffer, start: number): number {
  const first = bytes[start];
  if (first === quote) return endOfString(bytes, start);
  if (first !== openBrace && first !== openBracket) return endOfScalar(bytes, start);
  let depth = 0;
  let at = start;
  while (at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === quote) {
      at = endOfString(bytes, at);
      if (at === -1) return -1;
      continue;
    }
    at++;
    if (byte === openBrace || byte === openBracket) depth++;
    else if (byte === closeBrace || byte === closeBracket) {
      depth--;
      if (depth === 0) return at;
    }
  }
  return -1;
}

function endOfScalar(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && !endsScalar(bytes[at]!)) at++;
  return at === start ? -1 : at;
}

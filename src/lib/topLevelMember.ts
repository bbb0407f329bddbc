/**
 * Finds the string value of one top-level member of a JSON object in bytes that may come in pieces, or the
 * object that it holds, without parsing or copying the rest. Checks what it passes over as far as it must to be
 * sure of the top level: one object, strings closed, brackets paired, members of the form `"key": value`. Runs on
 * the fronts.
 *
 * Inside strings, which are most of a chat request, it leaps from quote to quote with `indexOf`.
 */

export interface MemberValue {
  /** Offset in this piece of the opening quote; negative when that came in an earlier piece. */
  readonly start: number;
  /** Offset in this piece behind the closing quote. */
  readonly end: number;
  /** The value, unescaped. */
  readonly text: string;
}

/** Where the scanner stands in the top-level object. */
type Place = 'start' | 'first-key' | 'key' | 'colon' | 'value' | 'after-value' | 'end' | 'broken';

const maxDepth = 1_000;
/** Longest value kept: model names are short, and a backend must not fill the memory with one. */
const maxValueBytes = 64 * 1_024;
/** A key longer than the wanted one with every character escaped as `\uXXXX` cannot be it. */
const escapeFactor = 6;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const colon = 0x3a;
const comma = 0x2c;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
/** What a number, `true`, `false` or `null` is made of. */
const isScalarByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x2b ||
  byte === 0x2e ||
  byte === 0x45;
const isStructural = new Uint8Array(256);
for (const byte of [quote, openBrace, closeBrace, openBracket, closeBracket]) isStructural[byte] = 1;
const scalarForm = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const maxScalarBytes = 1_024;

const nothing: readonly MemberValue[] = [];
const noBytes = Buffer.alloc(0);

export class TopLevelMember {
  /** Offset of the object's opening brace, counted over all pieces. */
  objectStart = 0;
  /** True when the object has no member. */
  isEmpty = true;
  /** Top-level keys that differ from the wanted one in letter case only: some JSON readers take them for it. */
  lookalikes = 0;
  /** How often the wanted key came with a value that is not a string. */
  otherValues = 0;
  /** The bytes of the last object that the wanted key held, when objects are kept. */
  lastObject: Buffer | undefined;

  readonly #key: string;
  readonly #maxObjectBytes: number;
  readonly #keyBytes: Buffer;
  readonly #maxKeyBytes: number;
  #place: Place = 'start';
  /** Bytes of all earlier pieces, and of the last one. */
  #passed = 0;
  #pieceBytes = 0;
  /** Brackets open below the top level, the closing byte of each. */
  readonly #closers: number[] = [];
  #inString = false;
  #escaped = false;
  /** Raw bytes between the quotes of a top-level key or of the wanted value; `undefined`: not kept. */
  #kept: number[] | undefined;
  /** The wanted value, when it needed no keeping. */
  #plainText: string | undefined;
  #isWanted = false;
  #scalar = '';
  #valueStart = 0;
  /** The next backslash and the next quote of this piece, remembered so that each byte is searched once for each. */
  #escapeAt = -1;
  #quoteAt = -1;
  /** What was seen of an object that is kept, and where in this piece it goes on. */
  #object: Buffer | undefined;
  #objectFrom = 0;

  /** @param maxObjectBytes of the longest object that is kept; 0 keeps none */
  constructor(key: string, maxObjectBytes = 0) {
    this.#key = key;
    this.#maxObjectBytes = maxObjectBytes;
    this.#keyBytes = Buffer.from(key);
    this.#maxKeyBytes = key.length * escapeFactor;
  }

  /** The object was closed and nothing but white space followed. */
  get isComplete(): boolean {
    return this.#place === 'end';
  }

  get isBroken(): boolean {
    return this.#place === 'broken';
  }

  /** Offset in the last piece from which on bytes belong to an unfinished wanted value; `undefined` when none do. */
  get unfinishedFrom(): number | undefined {
    return this.#inString && this.#isWanted && this.#place === 'value'
      ? Math.max(0, this.#valueStart)
      : undefined;
  }

  /** Reads the next piece and returns the wanted values that ended in it. */
  scan(piece: Buffer): readonly MemberValue[] {
    let found: MemberValue[] | undefined;
    let at = 0;
    this.#escapeAt = -1;
    this.#quoteAt = -1;
    this.#passed += this.#pieceBytes;
    this.#valueStart -= this.#pieceBytes;
    this.#pieceBytes = piece.length;
    while (at < piece.length && this.#place !== 'broken') {
      if (this.#inString) {
        at = this.#scanString(piece, at);
        if (!this.#inString && this.#place === 'value' && this.#closers.length === 0) {
          const text = this.#endValue();
          if (text !== undefined) {
            found ??= [];
            found.push({ start: this.#valueStart, end: at, text });
          }
        }
        continue;
      }
      if (this.#closers.length > 0) {
        at = skipScalars(piece, at);
        if (at === piece.length) break;
        this.#nested(piece[at]!);
        at++;
        if (this.#object !== undefined && this.#closers.length === 0) {
          this.lastObject = this.#withPart(this.#object, piece.subarray(this.#objectFrom, at));
          this.#object = undefined;
        }
        continue;
      }
      this.#topLevel(piece[at]!, at);
      at++;
    }
    if (this.#object !== undefined) {
      this.#object = this.#withPart(this.#object, piece.subarray(this.#objectFrom));
      this.#objectFrom = 0;
    }
    return found ?? nothing;
  }

  /** A copy, since the memory of a piece is not ours; `undefined` when it gets too long. */
  #withPart(object: Buffer, part: Buffer): Buffer | undefined {
    return object.length + part.length > this.#maxObjectBytes ? undefined : Buffer.concat([object, part]);
  }

  /** Passes over a string up to its end or the end of the piece; returns where it stopped. */
  #scanString(piece: Buffer, from: number): number {
    const kept = this.#kept;
    if (kept !== undefined) return this.#keepString(piece, from, kept);
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    while (at < piece.length) {
      if (this.#escapeAt < at) this.#escapeAt = offsetOf(piece, backslash, at);
      if (this.#quoteAt < at) this.#quoteAt = offsetOf(piece, quote, at);
      const end = this.#quoteAt;
      if (end <= this.#escapeAt) {
        if (end < piece.length) this.#endString();
        return Math.min(end + 1, piece.length);
      }
      at = this.#escapeAt + 2;
    }
    this.#escaped = at > piece.length;
    return piece.length;
  }

  #keepString(piece: Buffer, from: number, kept: number[]): number {
    const limit = this.#place === 'value' ? maxValueBytes : this.#maxKeyBytes;
    if (kept.length === 0 && !this.#escaped) {
      const end = endOfPlain(piece, from, limit);
      if (end !== -1) {
        this.#endPlain(piece, from, end);
        return end + 1;
      }
    }
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at]!;
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) {
        this.#endString();
        return at + 1;
      }
      kept.push(byte);
      if (kept.length > limit) {
        if (this.#place === 'value') this.#place = 'broken';
        else this.#kept = undefined;
        return at + 1;
      }
    }
    return piece.length;
  }

  /** A whole string without escapes: nothing of it has to be kept. */
  #endPlain(piece: Buffer, start: number, end: number): void {
    this.#inString = false;
    this.#kept = undefined;
    if (this.#place === 'value') {
      this.#plainText = piece.toString('utf8', start, end);
      return;
    }
    this.#place = 'colon';
    this.#isWanted = this.#isKeyAt(piece, start, end);
  }

  /** Counts a key that differs in letter case only. Other letters do not become ASCII of the same length. */
  #isKeyAt(piece: Buffer, start: number, end: number): boolean {
    const key = this.#keyBytes;
    if (end - start !== key.length) return false;
    let isSame = true;
    for (let i = 0; i < key.length; i++) {
      const byte = piece[start + i]!;
      if (byte === key[i]) continue;
      if (byte < 0x41 || byte > 0x5a || byte + 0x20 !== key[i]) return false;
      isSame = false;
    }
    if (!isSame) this.lookalikes++;
    return isSame;
  }

  #endString(): void {
    this.#inString = false;
    if (this.#place !== 'key' && this.#place !== 'first-key') return;
    this.#isWanted = this.#isWantedKey();
    this.#kept = undefined;
    this.#place = 'colon';
  }

  #endValue(): string | undefined {
    this.#place = 'after-value';
    if (!this.#isWanted) return undefined;
    this.#isWanted = false;
    const text = this.#plainText ?? this.#unescape();
    this.#kept = undefined;
    this.#plainText = undefined;
    if (text === undefined) this.#place = 'broken';
    return text;
  }

  /** Compares bytes where it can: a body may have a million keys. */
  #isWantedKey(): boolean {
    const kept = this.#kept;
    if (kept === undefined) return false;
    if (!kept.includes(backslash) && kept.length !== this.#keyBytes.length) return false;
    const key = this.#unescape();
    if (key === this.#key) return true;
    if (key?.toLowerCase() === this.#key) this.lookalikes++;
    return false;
  }

  #unescape(): string | undefined {
    if (this.#kept === undefined) return undefined;
    try {
      return JSON.parse(`"${Buffer.from(this.#kept).toString('utf8')}"`) as string;
    } catch {
      // A bad escape or a raw control character: no key or name that anyone could mean.
      return undefined;
    }
  }

  #nested(byte: number): void {
    if (byte === quote) this.#inString = true;
    else if (byte === openBrace || byte === openBracket) this.#open(byte);
    else if (byte === closeBrace || byte === closeBracket) {
      if (this.#closers.pop() !== byte) this.#place = 'broken';
      else if (this.#closers.length === 0) this.#place = 'after-value';
    }
  }

  #open(byte: number): void {
    if (this.#closers.length >= maxDepth) this.#place = 'broken';
    else this.#closers.push(byte === openBrace ? closeBrace : closeBracket);
  }

  #topLevel(byte: number, at: number): void {
    switch (this.#place) {
      case 'start':
        if (byte === openBrace) {
          this.objectStart = this.#passed + at;
          this.#place = 'first-key';
        } else if (!isSpace(byte)) this.#place = 'broken';
        return;
      case 'first-key':
      case 'key':
        if (byte === quote) {
          this.isEmpty = false;
          this.#inString = true;
          this.#kept = [];
        } else if (byte === closeBrace && this.#place === 'first-key') this.#place = 'end';
        else if (!isSpace(byte)) this.#place = 'broken';
        return;
      case 'colon':
        if (byte === colon) this.#place = 'value';
        else if (!isSpace(byte)) this.#place = 'broken';
        return;
      case 'value':
        this.#value(byte, at);
        return;
      case 'after-value':
        this.#afterValue(byte);
        return;
      case 'end':
        if (!isSpace(byte)) this.#place = 'broken';
        return;
      case 'broken':
        return;
    }
  }

  #value(byte: number, at: number): void {
    if (this.#scalar !== '') {
      if (isScalarByte(byte) && this.#scalar.length < maxScalarBytes)
        this.#scalar += String.fromCharCode(byte);
      else {
        this.#place = scalarForm.test(this.#scalar) ? 'after-value' : 'broken';
        this.#scalar = '';
        this.#afterValue(byte);
      }
      return;
    }
    if (isSpace(byte)) return;
    if (byte === quote) {
      this.#inString = true;
      this.#valueStart = at;
      this.#kept = this.#isWanted ? [] : undefined;
      return;
    }
    if (this.#isWanted) {
      this.otherValues++;
      this.#isWanted = false;
      this.lastObject = undefined;
      if (byte === openBrace && this.#maxObjectBytes > 0) {
        this.#object = noBytes;
        this.#objectFrom = at;
      }
    }
    if (byte === openBrace || byte === openBracket) this.#open(byte);
    else if (isScalarByte(byte)) this.#scalar = String.fromCharCode(byte);
    else this.#place = 'broken';
  }

  #afterValue(byte: number): void {
    if (this.#place === 'broken') return;
    if (byte === comma) this.#place = 'key';
    else if (byte === closeBrace) this.#place = 'end';
    else if (!isSpace(byte)) this.#place = 'broken';
  }
}

/** Offset of the quote that ends a string of plain characters, or −1 when it is longer or anything else is in it. */
function endOfPlain(piece: Buffer, from: number, limit: number): number {
  const last = Math.min(piece.length, from + limit + 1);
  for (let at = from; at < last; at++) {
    const byte = piece[at]!;
    if (byte === quote) return at;
    if (byte === backslash || byte < 0x20) return -1;
  }
  return -1;
}

/** Offset of a byte, or the length when there is none. */
function offsetOf(piece: Buffer, byte: number, from: number): number {
  const at = piece.indexOf(byte, from);
  return at === -1 ? piece.length : at;
}

/** Offset of the next quote or bracket, or the length. Long lists of numbers are passed over here. */
function skipScalars(piece: Buffer, from: number): number {
  let at = from;
  while (at < piece.length && isStructural[piece[at]!] === 0) at++;
  return at;
}

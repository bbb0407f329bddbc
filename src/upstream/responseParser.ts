/**
 * Reads one response after the other from the bytes of a connection, in whatever pieces they come (RFC 9112). The
 * pieces of the body are views of what was pushed, good only during the call. Several chunks in one push are moved
 * together in that memory and told as one piece: to write each by itself would cost far more. What is held, part of a
 * head or what comes behind a pause, is bounded by the head's limit and by one push. Runs on the fronts.
 *
 *     head ──► counted ─────────────────────────────► done
 *       │ ├──► until the connection closes ─────────► done
 *       │ └──► chunk size ──► chunk data ──► its CRLF ─┐
 *       │        ▲  └───────────────────────────────── │ ──► trailers ──► done
 *       │        └─────────────────────────────────────┘
 *       └◄── 1xx
 */
import {
  beginsLikeHead,
  checkTrailers,
  parseResponseHead,
  type ResponseHead,
  ResponseSyntaxError,
} from './responseHead.js';

export interface ResponseEvents {
  /** The final head; informational ones are passed over. */
  onHead(head: ResponseHead, hasBody: boolean): void;
  /** A piece of the body, never empty. False pauses: nothing more is told until `resume`. */
  onBody(piece: Buffer): boolean;
  /** The response is whole. The last thing told of it, so another may begin in the call. */
  onEnd(): void;
  /** The last thing told. */
  onSyntaxError(error: ResponseSyntaxError): void;
}

/** Of a head, and of what follows the last chunk. */
export const maxHeadBytes = 64 * 1_024;
/** Extensions behind a chunk's size are passed over. */
const maxChunkLineBytes = 4 * 1_024;
/** A server has reason for one or two. */
const maxInformational = 100;

type State =
  | 'idle'
  | 'head'
  | 'counted'
  | 'until-close'
  | 'chunk-size'
  | 'chunk-extension'
  | 'chunk-line-end'
  | 'chunk-data'
  | 'chunk-data-cr'
  | 'chunk-data-lf'
  | 'trailers'
  | 'done'
  | 'broken';

const empty = Buffer.alloc(0);
const firstHeldBytes = 1_024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const tab = 0x09;
const space = 0x20;
const semicolon = 0x3b;
const deleteCharacter = 0x7f;

export class ResponseParser {
  readonly #events: ResponseEvents;
  #state: State = 'idle';
  #isBodyless = false;
  #isPaused = false;
  #isKept = false;
  #hasSurplus = false;
  #informational = 0;
  /** Bytes of the counted body or of the chunk that are still to come. */
  #left = 0;
  /** Of the line with a chunk's size. */
  #lineBytes = 0;
  /** A head or trailers that are not whole yet, in a buffer that grows by doubling. */
  #held: Buffer = empty;
  #heldBytes = 0;
  /** What came behind a pause. */
  #behindPause: Buffer = empty;
  /** The response is whole, but its end waits for `resume`. */
  #isEndPending = false;
  /** Offsets of the chunk data of this push that was not told yet; the end is 0 when there is none. */
  #dataStart = 0;
  #dataEnd = 0;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  /** Expects a response. @param isBodyless for a HEAD request, whose answer ends with its head */
  begin(isBodyless: boolean): void {
    this.#state = 'head';
    this.#isBodyless = isBodyless;
    this.#isPaused = false;
    this.#isKept = false;
    this.#hasSurplus = false;
    this.#informational = 0;
    this.#heldBytes = 0;
    this.#isEndPending = false;
    this.#behindPause = empty;
  }

  /** All bytes of the response have come, though the end may not have been told for a pause. */
  get isWhole(): boolean {
    return this.#state === 'done';
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether the connection may carry another request after this response. */
  get isReusable(): boolean {
    return this.#state === 'done' && this.#isKept && !this.#hasSurplus;
  }

  /** Whether a chunked body was to be followed by the announced end of the connection. */
  get isChunkedBeforeClose(): boolean {
    return !this.#isKept && (this.#state.startsWith('chunk') || this.#state === 'trailers');
  }

  /** Tells nothing any more. */
  stop(): void {
    this.#state = 'broken';
    this.#dataEnd = 0;
    this.#held = empty;
    this.#behindPause = empty;
  }

  /** @param bytes of which chunk data is moved together */
  push(bytes: Buffer): void {
    if (this.#isPaused) {
      // What is there at once when the pause begins is one push; later the connection reads no more.
      if (this.#state === 'done') this.#hasSurplus = true;
      else this.#behindPause = Buffer.concat([this.#behindPause, bytes]);
      return;
    }
    try {
      this.#parse(bytes);
    } catch (thrown) {
      if (!(thrown instanceof ResponseSyntaxError)) throw thrown;
      this.#tellData(bytes);
      if (this.#isStopped()) return;
      this.stop();
      this.#events.onSyntaxError(thrown);
    }
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isEndPending) {
      this.#isEndPending = false;
      this.#events.onEnd();
      return;
    }
    const rest = this.#behindPause;
    this.#behindPause = empty;
    if (rest.length > 0) this.push(rest);
  }

  /** The connection was closed in good order. False when the response is not whole with that. */
  finish(): boolean {
    if (this.#state !== 'until-close') return this.#state === 'done';
    this.#end();
    return true;
  }

  #parse(bytes: Buffer): void {
    let at = 0;
    const { length } = bytes;
    while (at < length) {
      if (this.#state === 'trailers' && this.#dataEnd > 0) this.#tellData(bytes);
      if (this.#isPaused) {
        // The memory is used again.
        this.#behindPause = Buffer.from(bytes.subarray(at));
        return;
      }
      switch (this.#state) {
        case 'head':
        case 'trailers':
          at = this.#section(bytes, at);
          break;
        case 'counted':
        case 'until-close':
          at = this.#body(bytes, at);
          break;
        case 'chunk-data':
          at = this.#chunkData(bytes, at);
          break;
        case 'chunk-size':
          at = this.#chunkSize(bytes, at);
          break;
        case 'chunk-extension':
          at = this.#chunkExtension(bytes, at);
          break;
        case 'chunk-line-end':
          expect(bytes[at++], lineFeed);
          this.#state = this.#left === 0 ? 'trailers' : 'chunk-data';
          break;
        case 'chunk-data-cr':
          expect(bytes[at++], carriageReturn);
          this.#state = 'chunk-data-lf';
          break;
        case 'chunk-data-lf':
          expect(bytes[at++], lineFeed);
          this.#startChunk();
          break;
        case 'idle':
        case 'done':
          this.#hasSurplus = true;
          return;
        case 'broken':
          return;
      }
      // The end of a response was told, and another may have begun.
      if (at === -1) return;
    }
    this.#tellData(bytes);
  }

  /** Reads on in a head or in trailers; −1 when that ended the response. */
  #section(bytes: Buffer, from: number): number {
    const before = this.#heldBytes;
    let section = from === 0 ? bytes : bytes.subarray(from);
    if (before > 0) section = this.#hold(section);
    const end = sectionEnd(section, Math.max(0, before - 1), this.#state === 'trailers');
    if (end > maxHeadBytes || (end === -1 && section.length > maxHeadBytes)) {
      throw new ResponseSyntaxError('too long a head');
    }
    if (end === -1) {
      if (before === 0) this.#hold(section);
      // A server of another kind may wait for us to speak: it is known by its first bytes.
      if (this.#state === 'head' && !beginsLikeHead(section.toString('latin1', 0, 8))) {
        throw new ResponseSyntaxError('no status line');
      }
      return bytes.length;
    }
    this.#heldBytes = 0;
    // The connection may be kept for long, and the next head is likely to come in one piece.
    this.#held = empty;
    const text = section.toString('latin1', 0, end);
    const at = from + end - before;
    if (this.#state === 'head') return this.#head(text, bytes, at);
    checkTrailers(text);
    return this.#finishAt(bytes, at);
  }

  #head(text: string, bytes: Buffer, at: number): number {
    const head = parseResponseHead(text);
    const { status, contentLength, isChunked } = head;
    if (status < 200) {
      // Nobody asked for another protocol.
      if (status === 101 || ++this.#informational > maxInformational) {
        throw new ResponseSyntaxError('an unexpected informational response');
      }
      return at;
    }
    // Such a response ends with its head, whatever the head says (RFC 9112, section 6.3).
    const endsHere = this.#isBodyless || status === 204 || status === 304;
    const isAnnounced = isChunked || (contentLength ?? 0) > 0;
    const isCloseEnded = !endsHere && !isChunked && contentLength === null;
    // Servers are known that send the body all the same: it would be read as the next response.
    this.#isKept = head.isKept && !isCloseEnded && !this.#isBodyless && !(endsHere && isAnnounced);
    const hasBody = !endsHere && contentLength !== 0;
    if (!hasBody) this.#state = 'counted';
    else if (isChunked) this.#startChunk();
    else this.#state = isCloseEnded ? 'until-close' : 'counted';
    this.#left = isChunked ? 0 : (contentLength ?? 0);
    this.#events.onHead(head, hasBody);
    if (this.#isStopped()) return bytes.length;
    return hasBody ? at : this.#finishAt(bytes, at);
  }

  #body(bytes: Buffer, from: number): number {
    const isOpenEnded = this.#state === 'until-close';
    const end = isOpenEnded ? bytes.length : Math.min(bytes.length, from + this.#left);
    const piece = from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end);
    if (!isOpenEnded) this.#left -= piece.length;
    const isLast = this.#state === 'counted' && this.#left === 0;
    if (isLast) {
      // Known before the piece is told: who has all of it may send the next request at once.
      this.#state = 'done';
      this.#hasSurplus = end < bytes.length;
    }
    const goesOn = this.#events.onBody(piece);
    if (this.#isStopped()) return bytes.length;
    this.#isPaused = !goesOn;
    if (!isLast) return end;
    if (this.#isPaused) {
      this.#isEndPending = true;
      return bytes.length;
    }
    this.#events.onEnd();
    return -1;
  }

  #chunkData(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.#left);
    this.#left -= end - from;
    if (this.#left === 0) this.#state = 'chunk-data-cr';
    if (this.#dataEnd === 0) {
      this.#dataStart = from;
      this.#dataEnd = end;
    } else {
      bytes.copyWithin(this.#dataEnd, from, end);
      this.#dataEnd += end - from;
    }
    return end;
  }

  #tellData(bytes: Buffer): void {
    const start = this.#dataStart;
    const end = this.#dataEnd;
    if (end === 0) return;
    this.#dataEnd = 0;
    const piece = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
    const goesOn = this.#events.onBody(piece);
    if (!this.#isStopped()) this.#isPaused = !goesOn;
  }

  #startChunk(): void {
    this.#state = 'chunk-size';
    this.#left = 0;
    this.#lineBytes = 0;
  }

  #chunkSize(bytes: Buffer, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      const digit = hexDigits[byte]!;
      if (digit < 16) {
        this.#left = 16 * this.#left + digit;
        if (++this.#lineBytes > maxChunkLineBytes || this.#left > Number.MAX_SAFE_INTEGER) {
          throw new ResponseSyntaxError('too large a chunk');
        }
        continue;
      }
      if (this.#lineBytes === 0) throw new ResponseSyntaxError('no chunk size');
      if (byte === carriageReturn) this.#state = 'chunk-line-end';
      else if (byte === semicolon) this.#state = 'chunk-extension';
      else throw new ResponseSyntaxError('no chunk size');
      return at + 1;
    }
    return at;
  }

  #chunkExtension(bytes: Buffer, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === carriageReturn) {
        this.#state = 'chunk-line-end';
        return at + 1;
      }
      if (isControl(byte) || ++this.#lineBytes > maxChunkLineBytes) {
        throw new ResponseSyntaxError('a bad chunk extension');
      }
    }
    return at;
  }

  #finishAt(bytes: Buffer, at: number): number {
    this.#hasSurplus = at < bytes.length;
    this.#end();
    return -1;
  }

  #end(): void {
    this.#state = 'done';
    if (this.#isPaused) this.#isEndPending = true;
    else this.#events.onEnd();
  }

  /** A method, so that the compiler does not think that a call has changed nothing. */
  #isStopped(): boolean {
    return this.#state === 'broken';
  }

  /** Adds to what is held, and returns all of that. */
  #hold(bytes: Buffer): Buffer {
    const needed = this.#heldBytes + bytes.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#held.length, needed, firstHeldBytes));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    this.#heldBytes += bytes.copy(this.#held, this.#heldBytes);
    return this.#held.subarray(0, this.#heldBytes);
  }
}

function expect(byte: number | undefined, expected: number): void {
  if (byte !== expected) throw new ResponseSyntaxError('no line end behind a chunk');
}

const isControl = (byte: number): boolean => (byte < space && byte !== tab) || byte === deleteCharacter;

/**
 * Offset behind the blank line that ends a head, or −1 when that has not come. Checks on the way that lines end in CRLF
 * and that there are no other control characters.
 * @param from where what was not seen before begins, or one byte before that
 */
function sectionEnd(bytes: Buffer, from: number, mayBeEmpty: boolean): number {
  const { length } = bytes;
  for (let at = from; at < length; at++) {
    const byte = bytes[at]!;
    if (byte >= space && byte !== deleteCharacter) continue;
    if (byte === carriageReturn) {
      if (at + 1 < length && bytes[at + 1] !== lineFeed) throw new ResponseSyntaxError('a bare CR');
    } else if (byte === lineFeed) {
      if (at === 0 || bytes[at - 1] !== carriageReturn) throw new ResponseSyntaxError('a bare LF');
      if (at >= 3 ? bytes[at - 2] === lineFeed : mayBeEmpty && at === 1) return at + 1;
    } else if (byte !== tab) throw new ResponseSyntaxError('a control character');
  }
  return -1;
}

/** The value of a hexadecimal digit by its character; 16 for all others. */
const hexDigits = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16);
  hexDigits[character.charCodeAt(0)] = digit;
  hexDigits[character.toUpperCase().charCodeAt(0)] = digit;
}

/**
 * An event stream in pieces, as whole frames: what stands between two blank lines. A piece is read where it lies;
 * only the frame at its end that is not whole yet is copied. Runs on the fronts.
 *
 *     frames.push(piece);
 *     for (let frame = frames.next(); frame !== undefined; frame = frames.next()) …
 *     frames.keepRest();
 */

/** Most frames are one token in a few hundred bytes. */
const firstFrameBytes = 4 * 1_024;
/** A blank line may be split over two pieces, CRLF CRLF with its last byte in the second. */
const splitBytes = 3;
const empty = Buffer.alloc(0);
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dataField = Buffer.from('data:');

export class EventFrames {
  /** What the frames of this piece lie in; the next `keepRest` uses held memory again. */
  bytes: Buffer = empty;
  /** Whether that is memory of ours, to be copied from by who keeps it. */
  isHeld = false;
  /** Offset in `bytes` behind the last frame. */
  end = 0;
  /** True when the last frame has lost its beginning to `forget`. */
  isPart = false;

  /** Grows by doubling, so that a long frame in small pieces costs no more than one in large ones. */
  #buffer: Buffer = empty;
  #used = 0;
  /** Where the search for the end of the held frame goes on. */
  #searched = 0;
  #isForgotten = false;

  /** Bytes of the frame that is not whole yet. */
  get heldBytes(): number {
    return this.#used;
  }

  push(piece: Buffer): void {
    // Mostly nothing is held and the piece is whole frames: then they are read where they lie.
    this.isHeld = this.#used > 0;
    if (this.isHeld) this.#hold(piece);
    this.bytes = this.isHeld ? this.#buffer.subarray(0, this.#used) : piece;
    this.end = 0;
  }

  /** The next whole frame, a view that is good until `keepRest`. */
  next(): Buffer | undefined {
    const start = this.end;
    const end = frameEnd(this.bytes, Math.max(start, this.#searched));
    if (end === -1) return undefined;
    this.#searched = 0;
    this.end = end;
    this.isPart = this.#isForgotten;
    this.#isForgotten = false;
    return start === 0 && end === this.bytes.length ? this.bytes : this.bytes.subarray(start, end);
  }

  /** Holds what stands behind the last frame until the next piece comes. */
  keepRest(): void {
    if (this.isHeld) {
      this.#buffer.copyWithin(0, this.end, this.#used);
      this.#used -= this.end;
    } else if (this.end < this.bytes.length) this.#hold(this.bytes.subarray(this.end));
    this.#searched = Math.max(0, this.#used - splitBytes);
    this.bytes = empty;
    this.end = 0;
  }

  /** Lets the held frame go but for what may be half of its end. */
  forget(): void {
    const kept = Math.min(this.#used, splitBytes);
    this.#buffer.copyWithin(0, this.#used - kept, this.#used);
    this.#used = kept;
    this.#searched = 0;
    this.#isForgotten = true;
  }

  /** What is held when the stream ends without the blank line. */
  rest(): Buffer {
    this.isPart = this.#isForgotten;
    return this.#buffer.subarray(0, this.#used);
  }

  #hold(piece: Buffer): void {
    const needed = this.#used + piece.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, needed, firstFrameBytes));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    this.#used += piece.copy(this.#buffer, this.#used);
  }
}

/** Offset behind the blank line that ends a frame, or −1. Lines end in LF, CRLF or CR. */
function frameEnd(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === lineFeed) {
      if (bytes[at + 1] === lineFeed) return at + 2;
      if (bytes[at + 1] === carriageReturn && bytes[at + 2] === lineFeed) return at + 3;
    } else if (byte === carriageReturn && bytes[at + 1] === carriageReturn) return at + 2;
  }
  return -1;
}

/** The values of a frame's `data:` lines, as offsets. */
export function dataLines(frame: Buffer): { start: number; end: number }[] {
  const lines: { start: number; end: number }[] = [];
  let at = 0;
  while (at < frame.length) {
    let end = at;
    while (end < frame.length && frame[end] !== lineFeed && frame[end] !== carriageReturn) end++;
    if (frame.subarray(at, at + dataField.length).equals(dataField))
      lines.push({ start: at + dataField.length, end });
    at = end + 1;
  }
  return lines;
}

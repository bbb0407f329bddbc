/**
 * Response bodies on their way to the caller. Where the backend calls the model what the caller does, bytes
 * pass as they are; otherwise the name is mapped back: in a JSON object as it streams by, in an event stream
 * frame by frame. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import { TopLevelMember } from '../lib/topLevelMember.js';

export interface ResponseFilter {
  /** What may be sent on now; empty when the piece is held back. */
  push(piece: Buffer): Buffer;
  /** What was held back when the upstream ended in good order. */
  end(): Buffer;
}

/** Longest event frame that is held while its end is awaited. */
const maxFrameBytes = 1_024 * 1_024;
/** Most frames are one token in a few hundred bytes. */
const firstFrameBytes = 4 * 1_024;
const empty = Buffer.alloc(0);
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dataField = Buffer.from('data:');

/** Bytes as they come. */
export const passThrough: ResponseFilter = { push: (piece) => piece, end: () => empty };

/** Replaces the top-level `model` of one JSON object that comes in pieces. */
export function renameInObject(name: string): ResponseFilter {
  const scanner = new TopLevelMember('model');
  const replacement = Buffer.from(JSON.stringify(name));
  let held: Buffer = empty;

  return {
    push(piece) {
      const values = scanner.scan(piece);
      const unfinished = scanner.unfinishedFrom;
      if (values.length === 0 && unfinished === undefined && held.length === 0) return piece;
      const out: Buffer[] = [];
      let from = 0;
      for (const { start, end, text } of values) {
        if (start >= 0) out.push(piece.subarray(from, start));
        if (text === name) out.push(held, piece.subarray(Math.max(0, start), end));
        else out.push(replacement);
        held = empty;
        from = end;
      }
      if (unfinished === undefined) {
        // A value that grew too long to be a name was given up: its first part goes out as it came.
        out.push(held, piece.subarray(from));
        held = empty;
      } else {
        out.push(piece.subarray(from, Math.max(from, unfinished)));
        held = Buffer.concat([held, piece.subarray(Math.max(from, unfinished))]);
      }
      return Buffer.concat(out);
    },
    end: () => held,
  };
}

/** Replaces the top-level `model` in the data of each event frame. A frame is sent when it is whole. */
export function renameInFrames(name: string): ResponseFilter {
  /** Grows by doubling, so that a long frame in small pieces costs no more than one in large ones. */
  let buffer = Buffer.allocUnsafe(firstFrameBytes);
  let used = 0;
  /** Where the search for the end of the held frame goes on. */
  let searched = 0;

  const hold = (piece: Buffer): void => {
    if (used + piece.length > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, used + piece.length));
      buffer.copy(larger, 0, 0, used);
      buffer = larger;
    }
    used += piece.copy(buffer, used);
  };

  return {
    push(piece) {
      // Mostly nothing is held and the piece is whole frames: then they are read where they lie.
      const isHeld = used > 0;
      if (isHeld) hold(piece);
      const bytes = isHeld ? buffer.subarray(0, used) : piece;
      const out: Buffer[] = [];
      let start = 0;
      for (;;) {
        const end = frameEnd(bytes, Math.max(start, searched));
        if ((end === -1 ? bytes.length : end) - start > maxFrameBytes) {
          throw new NodeError('upstream_reset', { meta: { reason: 'an event frame is too long' } });
        }
        if (end === -1) break;
        out.push(renameFrame(bytes.subarray(start, end), name));
        start = end;
        searched = end;
      }
      // A copy of what was held, because the buffer is used again.
      const whole = !isHeld && out.length === 1 ? out[0]! : Buffer.concat(out);
      if (isHeld) {
        buffer.copyWithin(0, start, used);
        used -= start;
      } else hold(piece.subarray(start));
      // A blank line may be split over two pieces: look again at the last three bytes.
      searched = Math.max(0, used - 3);
      return whole;
    },
    end: () => renameFrame(buffer.subarray(0, used), name),
  };
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

function renameFrame(frame: Buffer, name: string): Buffer {
  const lines = dataLines(frame);
  const line = lines[0];
  if (line === undefined) return frame;
  // Data over several lines is one text with line feeds between; no string can stretch over a line feed, so a
  // value lies in one line and is replaced there.
  const scanner = new TopLevelMember('model');
  const edits: { start: number; end: number }[] = [];
  for (const { start, end } of lines) {
    for (const value of scanner.scan(frame.subarray(start, end))) {
      if (value.text !== name && value.start >= 0) {
        edits.push({ start: start + value.start, end: start + value.end });
      }
    }
  }
  if (edits.length === 0) return frame;
  const out: Buffer[] = [];
  let from = 0;
  for (const { start, end } of edits) {
    out.push(frame.subarray(from, start), Buffer.from(JSON.stringify(name)));
    from = end;
  }
  out.push(frame.subarray(from));
  return Buffer.concat(out);
}

/** The values of a frame's `data:` lines, as offsets. */
function dataLines(frame: Buffer): { start: number; end: number }[] {
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

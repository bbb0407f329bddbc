/**
 * Response bodies on their way to the caller. Where the backend calls the model what the caller does, and nothing
 * was asked of it that the caller did not ask, bytes pass as they are. Otherwise the name is mapped back, in a
 * JSON object as it streams by, in an event stream frame by frame; and a frame with token counts that only this
 * node asked for is left out. The `"usage":null` that some servers then put into all other frames stays: it is
 * part of frames that are not ours, and every client takes it. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import { TopLevelMember } from '../lib/topLevelMember.js';
import { dataLines, EventFrames } from './eventFrames.js';
import type { TokenTally } from './tokenTally.js';
import { readUsageOfFrame } from './usageInResponse.js';

export interface ResponseFilter {
  /** What may be sent on now; empty when the piece is held back. */
  push(piece: Buffer): Buffer;
  /** What was held back when the upstream ended in good order. */
  end(): Buffer;
}

/** Longest event frame that is held while its end is awaited. */
const maxFrameBytes = 1_024 * 1_024;
const empty = Buffer.alloc(0);

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

/** What becomes of one whole event frame; empty when it is not for the caller. */
export type FrameStep = (frame: Buffer) => Buffer;

/** Takes each event frame through the steps, in order. A frame is sent when it is whole. */
export function filterFrames(steps: readonly FrameStep[]): ResponseFilter {
  const frames = new EventFrames();

  const filtered = (frame: Buffer): Buffer => {
    let passed = frame;
    for (const step of steps) {
      if (passed.length > 0) passed = step(passed);
    }
    return passed;
  };

  return {
    push(piece) {
      frames.push(piece);
      const out: Buffer[] = [];
      /** Frames that pass as they are go out in one run. */
      let runStart = 0;
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        if (frame.length > maxFrameBytes) throw tooLong();
        const passed = filtered(frame);
        if (passed === frame) continue;
        out.push(frames.bytes.subarray(runStart, frames.end - frame.length), passed);
        runStart = frames.end;
      }
      const run = frames.bytes.subarray(runStart, frames.end);
      // A copy of what was held, because that memory is used again.
      const whole = out.length === 0 && !frames.isHeld ? run : Buffer.concat([...out, run]);
      frames.keepRest();
      if (frames.heldBytes > maxFrameBytes) throw tooLong();
      return whole;
    },
    end: () => filtered(frames.rest()),
  };
}

const tooLong = (): NodeError =>
  new NodeError('upstream_reset', { meta: { reason: 'an event frame is too long' } });

/** Replaces the top-level `model` in the data of a frame. */
export const renameFrames =
  (name: string): FrameStep =>
  (frame) =>
    renameFrame(frame, name);

/** Counts the tokens of a stream, and takes the frame away that tells nothing but their number. */
export const hideUsage =
  (tally: TokenTally): FrameStep =>
  (frame) =>
    readUsageOfFrame(tally, frame) ? empty : frame;

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

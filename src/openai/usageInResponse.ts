/**
 * What a backend says about tokens, read while its answer streams by: from the `usage` of a JSON object, or from
 * those event frames that have one. Nothing is held, and no body is parsed: only the few bytes of `usage` are.
 * Runs on the fronts.
 */
import { JsonWalk } from '../lib/jsonWalk.js';
import { TopLevelMember } from '../lib/topLevelMember.js';
import { dataLines, EventFrames } from './eventFrames.js';
import type { SaidUsage, TokenTally } from './tokenTally.js';

/** Watches the bytes of an answer on the side. */
export interface UsageReader {
  read(piece: Buffer): void;
  /** The answer has ended in good order. */
  end(): void;
}

/** With all the details that servers add it is a few hundred. */
const maxUsageBytes = 4 * 1_024;
/** A longer frame is passed over: one with the numbers alone has a few hundred bytes. */
const maxFrameBytes = 64 * 1_024;

const usageKey = Buffer.from('"usage"');
const colon = 0x3a;
const openBrace = 0x7b;
const openBracket = 0x5b;
const space = 0x20;
const zero = 0x30;
const startsLikeNumber = /^[\d-]/;
/** Where chat, completion, tool and reasoning frames carry text that is not empty. */
const carriesText = /"(?:content|text|arguments|reasoning_content|reasoning|refusal)": ?"[^"]/;

export function readUsageInObject(tally: TokenTally): UsageReader {
  const scanner = new TopLevelMember('usage', maxUsageBytes);
  let said: Buffer | undefined;
  return {
    read(piece) {
      tally.countBytes(piece.length);
      scanner.scan(piece);
      const { lastObject } = scanner;
      if (lastObject === said) return;
      said = lastObject;
      if (lastObject !== undefined) sayUsage(tally, lastObject);
    },
    end: () => undefined,
  };
}

export function readUsageInFrames(tally: TokenTally): UsageReader {
  const frames = new EventFrames();
  return {
    read(piece) {
      frames.push(piece);
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        if (!frames.isPart) readUsageOfFrame(tally, frame);
        // Of a frame that long it is not known what it carries, but text is likely.
        else if (tally.countsText) tally.countText();
      }
      frames.keepRest();
      if (frames.heldBytes > maxFrameBytes) frames.forget();
    },
    end() {
      const rest = frames.rest();
      if (!frames.isPart) readUsageOfFrame(tally, rest);
    },
  };
}

/** For bytes that tell nothing. */
export function readNoUsage(tally: TokenTally): UsageReader {
  return { read: (piece) => tally.countBytes(piece.length), end: () => undefined };
}

/** @returns true when the frame holds the numbers and nothing of the answer */
export function readUsageOfFrame(tally: TokenTally, frame: Buffer): boolean {
  if (hasUsage(frame)) {
    const { usage, isBare } = findUsage(dataOf(frame));
    const isSaid = usage !== undefined && sayUsage(tally, usage);
    if (usage !== undefined && isBare) return true;
    // The numbers cover the text that comes with them.
    if (isSaid) return false;
  }
  if (tally.countsText && hasText(frame)) tally.countText();
  return false;
}

const hasText = (frame: Buffer): boolean =>
  frame.length > maxFrameBytes || carriesText.test(frame.toString('latin1'));

/**
 * Whether there is a `usage` that is an object: a quick look, since it is made for every frame. Within a text the
 * quotes would be escaped. Some servers send `"usage":null` with every frame but the last.
 */
function hasUsage(frame: Buffer): boolean {
  for (let at = frame.indexOf(usageKey); at !== -1; at = frame.indexOf(usageKey, at)) {
    at += usageKey.length;
    while (frame[at] === space || frame[at] === colon) at++;
    if (frame[at] === openBrace) return true;
  }
  return false;
}

function dataOf(frame: Buffer): Buffer {
  const lines = dataLines(frame);
  if (lines.length === 1) return frame.subarray(lines[0]!.start, lines[0]!.end);
  const parts = lines.flatMap(({ start, end }) => [frame.subarray(start, end), Buffer.from('\n')]);
  return Buffer.concat(parts);
}

/** At the top level, or in the object that an event of a newer interface wraps. */
function findUsage(data: Buffer): { usage: Buffer | undefined; isBare: boolean } {
  const members = new JsonWalk(data);
  let usage: Buffer | undefined;
  let isEmpty = false;
  let isFilled = false;
  while (members.isObject && members.next()) {
    const { valueStart: start } = members;
    if (members.isKey('choices')) {
      if (isEmptyArray(data, start)) isEmpty = true;
      else isFilled = true;
    } else if (data[start] !== openBrace) continue;
    else if (members.isKey('usage')) usage = objectAt(data, members);
    else if (members.isKey('response') || members.isKey('message')) {
      const inner = new JsonWalk(data, start);
      while (inner.next())
        if (inner.isKey('usage') && data[inner.valueStart] === openBrace) usage = objectAt(data, inner);
    }
  }
  return { usage, isBare: members.isWhole && isEmpty && !isFilled };
}

function objectAt(data: Buffer, member: JsonWalk): Buffer | undefined {
  const end = member.valueEnd();
  return end === -1 ? undefined : data.subarray(member.valueStart, end);
}

function isEmptyArray(data: Buffer, start: number): boolean {
  if (data[start] !== openBracket) return false;
  const elements = new JsonWalk(data, start);
  return !elements.next() && elements.isWhole;
}

/** @returns false when there is nothing in it that could be meant */
function sayUsage(tally: TokenTally, object: Buffer): boolean {
  if (object.length > maxUsageBytes) return false;
  const said = readNumbers(object);
  if (said.inputTokens === undefined && said.outputTokens === undefined) return false;
  tally.say(said);
  return true;
}

const nothing: SaidUsage = { inputTokens: undefined, outputTokens: undefined };

/** The last one counts where a member is given twice, as JSON readers have it. */
function readNumbers(object: Buffer): SaidUsage {
  let prompt: number | undefined;
  let completion: number | undefined;
  let input: number | undefined;
  let output: number | undefined;
  const members = new JsonWalk(object);
  while (members.next()) {
    if (members.isKey('prompt_tokens')) prompt = countAt(object, members);
    else if (members.isKey('completion_tokens')) completion = countAt(object, members);
    else if (members.isKey('input_tokens')) input = countAt(object, members);
    else if (members.isKey('output_tokens')) output = countAt(object, members);
  }
  // Broken JSON is the backend's mistake, and the caller's to see: its bytes pass all the same.
  if (!members.isWhole) return nothing;
  return { inputTokens: prompt ?? input, outputTokens: completion ?? output };
}

function countAt(object: Buffer, member: JsonWalk): number | undefined {
  const { valueStart: start } = member;
  const end = member.valueEnd();
  let count = 0;
  for (let at = start; at < end; at++) {
    const digit = object[at]! - zero;
    if (!(digit >= 0 && digit <= 9)) return unusualCount(object.toString('latin1', start, end));
    count = 10 * count + digit;
  }
  return end > start && Number.isSafeInteger(count) ? count : undefined;
}

/** `1e3` and `12.0` are whole numbers too. */
function unusualCount(text: string): number | undefined {
  const value = startsLikeNumber.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

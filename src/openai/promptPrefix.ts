/**
 * A number for the beginning of a prompt: the same for every turn of one conversation, so that its requests can
 * go to the backend that has the earlier turns in its prompt cache. Runs on the fronts.
 *
 * A conversation grows at its end. What stays is everything up to and including its first user message; that
 * message is what tells conversations under one system prompt apart.
 */
import { JsonWalk, textOf } from '../lib/jsonWalk.js';

/** More messages than this before the first one of a user tell conversations apart by themselves. */
const maxMessages = 16;
/** Of a longer message the beginning, the end and the length count: images come as megabytes of text. */
const messageHeadBytes = 3_072;
const messageTailBytes = 1_024;
/**
 * How much of a plain prompt counts. It has no messages to tell where its stable part ends, so the length steps:
 * a prompt that grows over a step changes its number once.
 */
const promptSteps = [1_024, 256];
const longestKey = 'messages'.length;

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** @returns an unsigned 32-bit number, `undefined` when the body holds no prompt */
export function promptPrefixKey(body: Buffer): number | undefined {
  const members = new JsonWalk(body);
  if (!members.isObject) return undefined;
  while (members.next()) {
    const key = members.key(longestKey);
    if (key === 'messages') return keyOfMessages(body, members.valueStart);
    if (key === 'prompt' || key === 'input') return keyOfPrompt(body, members);
  }
  return undefined;
}

function keyOfPrompt(body: Buffer, members: JsonWalk): number | undefined {
  const { valueStart: start } = members;
  const opening = String.fromCharCode(body[start]!);
  if (opening === '[') {
    const elements = new JsonWalk(body, start);
    if (!elements.next()) return undefined;
    // The messages of the newer interface; else texts or tokens, whose bytes are as good as a text.
    if (body[elements.valueStart] === 0x7b) return keyOfMessages(body, start);
  } else if (opening !== '"') return undefined;
  const end = members.valueEnd();
  if (end === -1) return undefined;
  const length = end - start - 2;
  if (length <= 0) return undefined;
  const counted = promptSteps.find((step) => length >= step) ?? length;
  return hashOf(fnvOffset, body, start + 1, start + 1 + counted) >>> 0;
}

function keyOfMessages(body: Buffer, start: number): number | undefined {
  const messages = new JsonWalk(body, start);
  if (messages.isObject) return undefined;
  let hash = fnvOffset;
  let count = 0;
  while (count < maxMessages && messages.next()) {
    const end = messages.valueEnd();
    if (end === -1) break;
    hash = hashOfMessage(hash, body, messages.valueStart, end);
    count++;
    if (isFromUser(body, messages.valueStart)) break;
  }
  return count === 0 ? undefined : hash >>> 0;
}

function isFromUser(body: Buffer, start: number): boolean {
  const members = new JsonWalk(body, start);
  if (!members.isObject) return false;
  while (members.next()) {
    if (!members.isKey('role')) continue;
    const end = members.valueEnd();
    return end !== -1 && textOf(body, members.valueStart + 1, end - 1, 'user'.length) === 'user';
  }
  return false;
}

function hashOfMessage(hash: number, body: Buffer, start: number, end: number): number {
  const length = end - start;
  // The length keeps two messages from hashing like one.
  const begun = Math.imul(hash ^ length, fnvPrime);
  if (length <= messageHeadBytes + messageTailBytes) return hashOf(begun, body, start, end);
  const head = hashOf(begun, body, start, start + messageHeadBytes);
  return hashOf(head, body, end - messageTailBytes, end);
}

/** FNV-1a: a few kilobytes in microseconds, and nobody gains by a collision. */
function hashOf(from: number, body: Buffer, start: number, end: number): number {
  let hash = from;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ body[at]!, fnvPrime);
  return hash;
}

/**
 * The conversation with a node under challenge: a fresh seed, the commitment, and one opening of every round, each
 * under a nonce that is made after the roots are known. Earlier rounds count as much as the last: a root that nobody
 * opens may be free invention. What costs time to check is left for later, so that several nodes can be timed at
 * once without one holding up the clock of another.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressText } from '../lib/address.js';
import type { Clock } from '../lib/clock.js';
import { startDeadline } from '../lib/deadline.js';
import { openedRowIndices } from '../proof/openedRows.js';
import { seedBytes } from '../proof/protocol.js';
import type { RandomBytes } from './checkRows.js';
import {
  type Commitment,
  type OpenedRow,
  readClaim,
  readCommitment,
  readErrorCode,
  readOpening,
} from './readAnswers.js';
import { commitmentPlace, type NodeClaim, openingPlace, type Place, Refusal } from './verdict.js';

export interface NodeAnswer {
  readonly status: number;
  /** Parsed JSON; `undefined` when it was none. */
  readonly body: unknown;
  /** On one monotonic clock. */
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
}

/**
 * Sends a challenge and resolves to the answer; rejects when there is none, with `AnswerTooLarge` when it is larger
 * than `maxBytes`.
 */
export type Ask = (
  type: string,
  payload: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  maxBytes: number,
) => Promise<NodeAnswer>;

export class AnswerTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`The answer is larger than ${maxBytes} bytes, more than it can need.`);
    this.name = 'AnswerTooLarge';
  }
}

export type Step = 'multiplying' | 'opening' | 'checking';

export interface NodeChallenge {
  readonly ask: Ask;
  /** Of the node that is expected to answer. */
  readonly address: AddressText;
  readonly chainId: number;
  readonly size: number;
  readonly rounds: number;
  /** To open in each round. */
  readonly rows: number;
  /** Engine to ask for; absent: the node's choice. */
  readonly backend?: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Longest that one answer may take. */
  readonly deadlineMs: number;
  readonly random: RandomBytes;
  readonly onStep?: ((step: Step, round: number | null) => void) | undefined;
  /**
   * Called when this node's time was taken, or there is none to take; resolves when that is so of all nodes that were
   * challenged with it.
   */
  readonly untilOthersTimed?: (() => Promise<void>) | undefined;
}

export interface Evidence {
  readonly seed: Uint8Array;
  /** `null` when no answer came. */
  readonly timeMs: number | null;
  readonly claim: NodeClaim | null;
  readonly commitment: Commitment | Refusal;
  /** One a round, until one was refused. */
  readonly openings: readonly (readonly OpenedRow[] | Refusal)[];
}

const nonceBytes = 32;
/** Share of a commitment's life that may pass while other nodes are still timed. */
const waitingShare = 0.5;
/** Whatever life a node promises to its commitment. */
const longestWaitMs = 10 * 60_000;
/** What an answer may spend on everything but rows and roots. */
const headBytes = 64 * 1_024;
const rootTextBytes = 100;
/** Path, index and punctuation of a row. */
const rowHeadBytes = 2_048;

/** Throws only when `signal` aborts. */
export async function collectEvidence(challenge: NodeChallenge): Promise<Evidence> {
  const { address, chainId, size, rounds, backend, clock, random, onStep } = challenge;
  const seed = random(seedBytes);
  onStep?.('multiplying', null);
  const answer = await askNode(challenge, {
    type: 'MATRIX_MULTIPLICATION',
    payload: { seed: hex(seed), size, rounds, ...(backend === undefined ? {} : { backend }) },
    maxBytes: headBytes + rounds * rootTextBytes,
    place: commitmentPlace,
  });
  const othersTimed = challenge.untilOthersTimed?.();
  if (answer instanceof Refusal) {
    return { seed, timeMs: null, claim: null, commitment: answer, openings: [] };
  }
  const timeMs = answer.answeredAtMs - answer.sentAtMs;
  const claim = readClaim(answer.body);
  const expected = { address, chainId, size, rounds, nowMs: clock.nowMs() };
  const commitment = readCommitment(answer.body, expected);
  if (commitment instanceof Refusal) return { seed, timeMs, claim, commitment, openings: [] };
  // To take in rows that were opened holds up the clock of the others for some milliseconds.
  if (othersTimed !== undefined) {
    const leftMs = commitment.expiresAtS * 1_000 - clock.nowMs();
    await firstOf(othersTimed, leftMs * waitingShare, challenge.signal);
  }
  const openings: (readonly OpenedRow[] | Refusal)[] = [];
  for (let round = 0; round < rounds; round++) {
    onStep?.('opening', round);
    const opening = await open(challenge, commitment, round);
    openings.push(opening);
    if (opening instanceof Refusal) break;
  }
  return { seed, timeMs, claim, commitment, openings };
}

async function open(
  challenge: NodeChallenge,
  { commitmentId, roots }: Commitment,
  round: number,
): Promise<readonly OpenedRow[] | Refusal> {
  const { size, rows, random } = challenge;
  const nonce = random(nonceBytes);
  const indices = openedRowIndices({ roots, nonce, rows, size });
  const rowTextBytes = Math.ceil((size * 4) / 3) * 4;
  const answer = await askNode(challenge, {
    type: 'MATRIX_MULTIPLICATION_OPEN',
    payload: { commitmentId, nonce: hex(nonce), rows, round },
    // Encoders may write a slash as two characters.
    maxBytes: headBytes + Math.ceil(indices.length * (rowTextBytes * 1.1 + rowHeadBytes)),
    place: openingPlace(round),
  });
  return answer instanceof Refusal ? answer : readOpening(answer.body, { round, indices, size });
}

interface Question {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly maxBytes: number;
  readonly place: Place;
}

/** An answer of success, or why there is none. */
async function askNode(
  { ask, signal, deadlineMs }: NodeChallenge,
  { type, payload, maxBytes, place }: Question,
): Promise<NodeAnswer | Refusal> {
  const deadline = startDeadline(deadlineMs, signal);
  let answer: NodeAnswer;
  try {
    const ended = deadline.signal;
    answer = await untilAborted(ended, async () => ask(type, payload, ended, maxBytes));
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof AnswerTooLarge) return new Refusal('malformed', thrown.message, { place });
    const detail = deadline.hasPassed
      ? `There was no complete answer within ${deadlineMs / 1_000} s.`
      : thrown instanceof Error
        ? thrown.message
        : 'The request failed.';
    return new Refusal('unreachable', detail, { place });
  } finally {
    deadline.end();
  }
  const { status, body } = answer;
  if (status >= 200 && status < 300) return answer;
  const code = readErrorCode(body);
  const detail = `The node refused with ${status}${code === null ? '' : ` ${code}`}.`;
  return new Refusal('refused', detail, { place, status, code });
}

/** Resolves with `event`, or after a while without it. */
async function firstOf(event: Promise<void>, mostMs: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const timer = sleep(Math.max(0, Math.min(mostMs, longestWaitMs)), undefined, {
    signal: AbortSignal.any([signal, over.signal]),
  });
  try {
    await Promise.race([event, timer]);
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown;
  } finally {
    over.abort();
    timer.catch(() => undefined);
  }
}

/** Rejects with the signal's reason when it aborts, whether `work` listens to it or not. */
async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

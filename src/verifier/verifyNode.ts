/**
 * The scheduler's side of `fxn-matmul-1`: challenges nodes and says whether each computed the product itself, how
 * fast, and how sure that is. Sockets are the caller's. Whatever a node answers, the end is a verdict.
 *
 * One machine can answer for several addresses, except when all are challenged at the same moment: `verifyNodes`.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeError } from '../errors/nodeError.js';
import { deferred } from '../lib/deferred.js';
import { maxExactSize, maxOpenedRows } from '../proof/protocol.js';
import { collectEvidence, type Evidence, type NodeChallenge } from './collectEvidence.js';
import { judgeEvidence } from './judgeEvidence.js';
import { passChances, Refusal, teraOperations, type Verdict } from './verdict.js';

export interface VerifyOptions
  extends Omit<NodeChallenge, 'signal' | 'deadlineMs' | 'random' | 'untilOthersTimed'>,
    Partial<Pick<NodeChallenge, 'signal' | 'deadlineMs' | 'random'>> {}

/** More makes an answer of megabytes; a longer chain of work is a larger matrix. */
export const maxRounds = 1_024;
/** As long as a node is waited for elsewhere. */
const defaultDeadlineMs = 10 * 60_000;

/** Rejects only when `signal` aborts, or for a challenge outside the protocol's limits. */
export async function verifyNode(options: VerifyOptions): Promise<Verdict> {
  const [verdict] = await verifyNodes([options]);
  return verdict!;
}

/**
 * Challenges all nodes at the same moment; verdicts come in the order of the nodes. What holds up the event loop, and
 * with it the clock, waits: openings until all nodes were timed or half of the commitment's life is over, the
 * arithmetic until the last answer has come.
 */
export async function verifyNodes(nodes: readonly VerifyOptions[]): Promise<Verdict[]> {
  const challenges = nodes.map(completed);
  const evidences = await collectTogether(challenges);
  return evidences.map((evidence, at) => {
    const challenge = challenges[at]!;
    challenge.onStep?.('checking', null);
    return verdictOf(challenge, evidence);
  });
}

/** What a node answers to whatever is dated before the second after its start. */
const justStartedCode = 'auth_expired';
const againAfterMs = 1_000;

/**
 * When a node has only just started all are challenged again, once: it has seen its seed, and to ask it alone, later
 * than the others, would let one machine answer for both.
 */
async function collectTogether(challenges: readonly NodeChallenge[]): Promise<Evidence[]> {
  const evidences = await collectOnce(challenges);
  const isJustStarted = ({ commitment }: Evidence): boolean =>
    commitment instanceof Refusal && commitment.code === justStartedCode;
  if (!evidences.some(isJustStarted)) return evidences;
  await sleep(againAfterMs, undefined, { signal: AbortSignal.any(challenges.map(({ signal }) => signal)) });
  return collectOnce(challenges);
}

function collectOnce(challenges: readonly NodeChallenge[]): Promise<Evidence[]> {
  const allTimed = deferred();
  let untimed = challenges.length;
  const untilOthersTimed = (): Promise<void> => {
    if (--untimed === 0) allTimed.resolve();
    return allTimed.promise;
  };
  return Promise.all(challenges.map((challenge) => collectEvidence({ ...challenge, untilOthersTimed })));
}

function completed(options: VerifyOptions): NodeChallenge {
  const { size, rounds, rows } = options;
  const isWithin = (value: number, max: number): boolean =>
    Number.isInteger(value) && value >= 1 && value <= max;
  if (!isWithin(size, maxExactSize) || !isWithin(rounds, maxRounds) || !isWithin(rows, maxOpenedRows)) {
    throw new NodeError('internal_error', { meta: { size, rounds, rows } });
  }
  const { signal = new AbortController().signal } = options;
  const { deadlineMs = defaultDeadlineMs, random = randomBytes } = options;
  return { ...options, signal, deadlineMs, random };
}

function verdictOf(challenge: NodeChallenge, evidence: Evidence): Verdict {
  const { address, chainId, size, rounds, rows } = challenge;
  const { timeMs, claim } = evidence;
  const openedRows = Math.min(rows, size);
  const refusal = judgeEvidence(evidence, challenge);
  const figures = {
    address,
    chainId,
    size,
    rounds,
    rows: openedRows,
    timeMs,
    tops: timeMs === null ? null : teraOperations(size, rounds, timeMs),
    claim,
    passChances: passChances(openedRows),
  };
  return refusal === undefined
    ? { verified: true, reason: null, ...figures }
    : { verified: false, ...refusal, ...figures };
}

/**
 * Answers the challenges that fronts forward: finds the challenger of the type, checks the payload, and tells log and
 * metrics how it ended. Challenges are few and what takes long is done elsewhere, so one place for all fronts is
 * enough. Runs in main.
 */
import { NodeError, toNodeError } from '../errors/nodeError.js';
import type { AddressText } from '../lib/address.js';
import type { ChallengeBody } from '../lib/challengeBody.js';
import { startDeadline } from '../lib/deadline.js';
import { feelWeight } from '../lib/sharedWeight.js';
import type { Logger } from '../logger/logger.js';
import type { ChallengeMetrics } from '../metrics/challengeMetrics.js';
import type { Challenger } from './challenger.js';
import { JsonText } from './jsonText.js';
import { largeBodyBytes, readChallenge } from './readChallenge.js';

/** Names one challenge until it is answered. */
export interface ChallengeTicket {
  readonly front: number;
  /** Counted by the front. */
  readonly ticket: number;
}

export interface ForwardedChallenge extends ChallengeTicket {
  /** The request's. */
  readonly id: string;
  readonly caller: AddressText;
  readonly body: Uint8Array;
}

export interface EndedChallenge {
  /** The request's. */
  readonly id: string;
  readonly caller: AddressText;
  /** A known type, or `unknown`. */
  readonly type: string;
  /** `answered`, `left`, or the code of the refusal. */
  readonly outcome: string;
  readonly durationMs: number;
  /** In words, where it was refused or failed. */
  readonly reason: string | null;
}

export interface AnswerChallengesOptions {
  readonly challengers: readonly Challenger[];
  /** Reads a body that is too large for this thread. */
  readonly readLarge: (body: Uint8Array, signal: AbortSignal) => Promise<ChallengeBody>;
  readonly metrics: Pick<ChallengeMetrics, 'countChallenge'>;
  /** Told of each challenge once it ended in whatever way. */
  readonly onEnd?: (ended: EndedChallenge) => void;
  readonly log: Logger;
}

export interface ChallengeDesk {
  /** The answer as JSON; bytes lie over shared memory. @throws NodeError for every refusal and fault */
  answer(challenge: ForwardedChallenge): Promise<string | Uint8Array>;
  /** Stops one; nobody waits for its answer. */
  leave(ticket: ChallengeTicket): void;
  /** Stops all of a front that has ended. */
  leaveFront(front: number): void;
}

/** Open at once; the network has one scheduler. */
const maxOpen = 64;
const unknownType = 'unknown';

export function answerChallenges(options: AnswerChallengesOptions): ChallengeDesk {
  const { metrics, onEnd, log } = options;
  const byType = new Map(options.challengers.map((challenger) => [challenger.type, challenger]));
  const open = new Map<string, { front: number; abort: AbortController }>();

  const challengerOf = (type: string): Challenger => {
    const challenger = byType.get(type);
    if (challenger === undefined) throw new NodeError('unknown_type', { meta: { type: type.slice(0, 64) } });
    return challenger;
  };

  const run = async (
    { id, caller, body }: ForwardedChallenge,
    left: AbortSignal,
    notes: Record<string, unknown>,
  ): Promise<string | Uint8Array> => {
    feelWeight(body.length);
    const read = body.length > largeBodyBytes ? await options.readLarge(body, left) : readChallenge(body);
    const challenger = challengerOf(read.type);
    notes['type'] = challenger.type;
    if (read.isOversized === true) {
      const message = `The payload of ${challenger.type} is larger than ${largeBodyBytes} bytes.`;
      throw new NodeError('invalid_payload', { message });
    }
    const deadline = startDeadline(challenger.deadlineMs, left);
    const { signal } = deadline;
    const note = (facts: Readonly<Record<string, unknown>>): void => void Object.assign(notes, facts);
    try {
      const answer = await challenger.run(read.payload, { id, caller, signal, note });
      return answer instanceof JsonText ? answer.text : JSON.stringify(answer);
    } catch (thrown) {
      if (deadline.hasPassed) throw new NodeError('compute_timeout', { cause: thrown });
      throw thrown;
    } finally {
      deadline.end();
    }
  };

  return {
    async answer(challenge) {
      const startedAtMs = performance.now();
      const key = keyOf(challenge);
      const abort = new AbortController();
      const notes: Record<string, unknown> = { type: unknownType };
      const tell = (outcome: string, reason: string | null = null): Record<string, unknown> => {
        const durationMs = performance.now() - startedAtMs;
        const type = String(notes['type']);
        metrics.countChallenge(type, outcome, durationMs / 1_000);
        const { id, caller } = challenge;
        onEnd?.({ id, caller, type, outcome, durationMs, reason });
        return { id, caller, ...notes, outcome, durationMs: Math.round(durationMs) };
      };
      try {
        if (open.size >= maxOpen) {
          throw new NodeError('queue_full', { message: 'Too many challenges are being answered.' });
        }
        open.set(key, { front: challenge.front, abort });
        const json = await run(challenge, abort.signal, notes);
        log.info(tell('answered'), 'challenge');
        return json;
      } catch (thrown) {
        const error = toNodeError(thrown);
        if (abort.signal.aborted) log.info(tell('left'), 'challenge left by its scheduler');
        else if (error.entry.source === 'internal' && error.code !== 'queue_full') {
          log.error({ ...tell(error.code, error.message), err: error }, 'challenge failed');
        } else
          log.warn(
            { ...tell(error.code, error.message), reason: error.message, ...error.meta },
            'challenge refused',
          );
        throw error;
      } finally {
        // A front that was started anew counts from one again, and may have the number of one that still ends.
        if (open.get(key)?.abort === abort) open.delete(key);
      }
    },
    leave(ticket) {
      open.get(keyOf(ticket))?.abort.abort();
    },
    leaveFront(front) {
      for (const entry of open.values()) if (entry.front === front) entry.abort.abort();
    },
  };
}

const keyOf = ({ front, ticket }: ChallengeTicket): string => `${front}/${ticket}`;

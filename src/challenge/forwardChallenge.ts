/**
 * `POST /challenge` on a front: hands the body to main, where challenges are answered, and passes the answer on. When
 * the scheduler leaves, main is told to stop. Runs on the fronts.
 */
import type { Handler } from '../http/route.js';
import { parseAddress } from '../lib/address.js';
import type { ChallengeTicket, ForwardedChallenge } from './answerChallenges.js';

export interface ForwardChallengeOptions {
  readonly front: number;
  /** The answer as JSON; has a deadline. */
  readonly answer: (challenge: ForwardedChallenge) => Promise<string>;
  /** Nobody waits for that answer any more. */
  readonly leave: (ticket: ChallengeTicket) => void;
}

export function forwardChallenge({ front, answer, leave }: ForwardChallengeOptions): Handler {
  let tickets = 0;
  return (x) => {
    x.phase = 'forward';
    const ticket = { front, ticket: ++tickets };
    const body = sharedCopy(x.body.bytes);
    x.releaseBody();
    let isAnswered = false;
    x.onEnd(() => {
      if (!isAnswered) leave(ticket);
    });
    // Authentication has checked it; a challenge that nobody signed does not come here.
    const caller = parseAddress(x.caller ?? '') ?? '0x';
    answer({ ...ticket, id: x.id, caller, body }).then(
      (json) => {
        isAnswered = true;
        x.attempt(() => x.respond(200, 'application/json', json));
      },
      (thrown: unknown) => {
        isAnswered = true;
        // Main may be at it still, when it was this side's deadline that passed.
        leave(ticket);
        x.attempt(() => {
          throw thrown;
        });
      },
    );
  };
}

/** In memory that crosses threads as it is, however large the pool is that the bytes came from. */
function sharedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

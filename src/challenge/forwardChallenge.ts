/**
 * `POST /challenge` on a front: hands the body to main, where challenges are answered, and passes the answer on. When
 * the scheduler leaves, main is told to stop. Runs on the fronts.
 */
import type { Exchange } from '../http/exchange.js';
import type { Handler } from '../http/route.js';
import { parseAddress } from '../lib/address.js';
import { feelWeight } from '../lib/sharedWeight.js';
import type { ChallengeTicket, ForwardedChallenge } from './answerChallenges.js';

export interface ForwardChallengeOptions {
  readonly front: number;
  /** The answer as JSON; has a deadline. */
  readonly answer: (challenge: ForwardedChallenge) => Promise<string | Uint8Array>;
  /** Nobody waits for that answer any more. */
  readonly leave: (ticket: ChallengeTicket) => void;
}

/** What goes to the socket at once: between two pieces other requests of this front have their turn. */
const pieceBytes = 262_144;

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
        x.attempt(() => respond(x, json));
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

/** Opened rows can be tens of megabytes: handed over whole they would be copied whole, while every stream here waits. */
function respond(x: Exchange, json: string | Uint8Array): void {
  if (typeof json === 'string' && json.length <= pieceBytes) {
    x.respond(200, 'application/json', json);
    return;
  }
  const bytes = typeof json === 'string' ? Buffer.from(json) : json;
  let sent = 0;
  const sendOn = (): void => {
    if (!x.isOpen) return;
    // A copy, because not everything takes shared memory.
    const piece = Buffer.from(bytes.subarray(sent, sent + pieceBytes));
    sent += piece.length;
    // A socket that takes the piece calls nobody back.
    if (x.write(piece) && x.isOpen) setImmediate(() => x.attempt(sendOn));
  };
  x.onDrain = sendOn;
  x.start(200, [['content-type', 'application/json']], bytes.length);
  sendOn();
}

/** In memory that crosses threads as it is, however large the pool is that the bytes came from. */
function sharedCopy(bytes: Uint8Array): Uint8Array {
  feelWeight(bytes.length);
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

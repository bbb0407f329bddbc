/**
 * Message signatures by the key of a session (the scheme `session`): HMAC-SHA-256 over the signature base. What
 * a session signs counts as its caller's, who must be authorised at every request. Runs on the fronts.
 */
import { timingSafeEqual } from 'node:crypto';
import { NodeError } from '../errors/nodeError.js';
import type { ReceivedBody } from '../http/bodyReader.js';
import { ClaimedCallers } from './claimedCallers.js';
import { bodyRefusal } from './contentDigest.js';
import { hmacSha256, macBytes } from './hmac.js';
import { sessionKeyidPrefix } from './keyids.js';
import type { Keying, SignedMessage } from './messageScheme.js';
import type { SessionStore } from './sessionStore.js';
import type { ClaimedCaller, SignedClaim, Verdict } from './signedClaim.js';

const idForm = /^[0-9a-f]{32}$/;

export function createSessionKeying(sessions: SessionStore): Keying {
  const callers = new ClaimedCallers();
  return {
    keyidPrefix: sessionKeyidPrefix,
    keyidForm: `${sessionKeyidPrefix}<session id>`,
    algorithm: 'hmac-sha256',
    accepts: (keyid) =>
      keyid.startsWith(sessionKeyidPrefix) && idForm.test(keyid.slice(sessionKeyidPrefix.length)),
    claim(message) {
      if (message.signature.length === macBytes) return new SessionClaim(message, sessions, callers);
      return new NodeError('auth_malformed', { message: `The signature is not ${macBytes} bytes.` });
    },
  };
}

class SessionClaim implements SignedClaim {
  readonly scheme = 'session';
  readonly timestampName = 'created';
  readonly signedAtS: number;
  readonly nonce: string;
  /** The session's end, if that comes before the signature's own. */
  endsAtS: number;
  caller: ClaimedCaller | undefined;
  #key: Uint8Array | undefined;
  readonly #message: SignedMessage;
  readonly #sessions: SessionStore;
  readonly #callers: ClaimedCallers;

  constructor(message: SignedMessage, sessions: SessionStore, callers: ClaimedCallers) {
    this.signedAtS = message.createdS;
    this.endsAtS = message.expiresS;
    this.nonce = message.nonce;
    this.#message = message;
    this.#sessions = sessions;
    this.#callers = callers;
  }

  identify(done: (verdict: Verdict) => void): void {
    this.#sessions.find(this.#message.keyid.slice(sessionKeyidPrefix.length), (found) => {
      if (found === 'unavailable') {
        done(new NodeError('session_store_unavailable'));
      } else if (found === 'unknown') {
        const message = 'This session is not known here or has ended; make a new one.';
        done(new NodeError('auth_unknown_caller', { message }));
      } else {
        this.caller = this.#callers.named(found.caller);
        this.endsAtS = Math.min(this.endsAtS, found.expiresAtS);
        this.#key = found.key;
        done(undefined);
      }
    });
  }

  verify(body: ReceivedBody): Verdict {
    const { base, signature, bodySha256Hex } = this.#message;
    if (this.#key === undefined) {
      return new NodeError('internal_error', { meta: { reason: 'the session was not looked up' } });
    }
    const isGenuine = timingSafeEqual(hmacSha256(this.#key, base), signature);
    return bodyRefusal(bodySha256Hex, body) ?? (isGenuine ? undefined : new NodeError('auth_bad_signature'));
  }
}

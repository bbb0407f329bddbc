/**
 * `POST /v1/fxn/session`: makes a session, whose key signs later requests at a fraction of the cost. Only for a
 * request that an account signed for this node, or a captured one could be turned into a key. Runs on the fronts.
 */
import { randomBytes } from 'node:crypto';
import { NodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import type { Handler } from '../http/route.js';
import { parseAddress } from '../lib/address.js';
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { Session } from '../lib/session.js';
import { createSessionKeyPair, deriveSessionKey, publicKeyBytes } from './sessionKey.js';
import type { SessionOffer } from './sessionStatement.js';
import type { SessionStore } from './sessionStore.js';

export interface OpenSessionOptions {
  readonly clock: Clock;
  readonly sessions: SessionStore;
  /** Seconds that a session lives. */
  readonly ttlS: number;
  /** The node's signature over the offer, 65 bytes in hex with `0x`; has a deadline. */
  readonly sign: (offer: SessionOffer) => Promise<string>;
}

/** A signature by the node takes about a millisecond of main, which answers the admin port as well. */
const maxWaiting = 32;
/** The object has one member of 44 characters. */
const maxBodyBytes = 4_096;
const sessionIdBytes = 16;

export function openSession({ clock, sessions, ttlS, sign }: OpenSessionOptions): Handler {
  let waiting = 0;

  const store = (x: Exchange, session: Session, answer: object): void =>
    sessions.put(session, (result) =>
      x.attempt(() => {
        if (result === 'stored') x.respondJson(200, answer);
        else x.fail(new NodeError(storeRefusals[result]));
      }),
    );

  return (x) => {
    const caller = x.signedBy === 'rfc9421' ? parseAddress(x.caller ?? '') : undefined;
    if (caller === undefined) {
      const message = 'A session is made by a request that an account signed in the scheme rfc9421.';
      throw new NodeError('auth_missing', { message });
    }
    const callerKey = readPublicKey(x.body.bytes);
    x.releaseBody();
    const own = createSessionKeyPair();
    const id = randomBytes(sessionIdBytes).toString('hex');
    const key = deriveSessionKey({
      own,
      peerPublicKey: callerKey,
      callerPublicKey: callerKey,
      nodePublicKey: own.publicKey,
      sessionId: id,
    });
    if (key === undefined) throw invalid('publicKey is of low order.');
    if (waiting >= maxWaiting) {
      throw new NodeError('queue_full', { message: 'Too many sessions are being made.' });
    }
    const expiresAtS = nowSeconds(clock) + ttlS;
    const nodePublicKey = own.publicKey.toString('base64');
    const offer = {
      caller,
      sessionId: id,
      callerPublicKey: callerKey.toString('base64'),
      nodePublicKey,
      expiresAtS,
    };
    waiting++;
    sign(offer)
      .finally(() => {
        waiting--;
      })
      .then(
        (signature) =>
          x.attempt(() => {
            const answer = { sessionId: id, publicKey: nodePublicKey, expiresAt: expiresAtS, signature };
            store(x, { id, caller, key, expiresAtS }, answer);
          }),
        (cause: unknown) =>
          x.attempt(() => {
            throw new NodeError('internal_error', { cause });
          }),
      );
  };
}

const storeRefusals = { full: 'session_table_full', unavailable: 'session_store_unavailable' } as const;

/** Base64 of 32 bytes, in its one spelling. */
const publicKeyForm = /^[A-Za-z0-9+/]{43}=$/;

function readPublicKey(body: Buffer): Buffer {
  let parsed: unknown;
  try {
    parsed = body.length > maxBodyBytes ? undefined : JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new NodeError('invalid_json', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null) throw new NodeError('invalid_json');
  const text = (parsed as { publicKey?: unknown }).publicKey;
  if (typeof text === 'string' && publicKeyForm.test(text)) {
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === publicKeyBytes && bytes.toString('base64') === text) return bytes;
  }
  throw invalid(`publicKey is not an X25519 public key: ${publicKeyBytes} bytes in base64.`);
}

const invalid = (message: string): NodeError => new NodeError('invalid_request', { message });

/**
 * A caller's side of a session, written against its description alone: X25519 and HKDF of another library than the
 * node's, the node's signature checked by viem.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { getAddress, verifyMessage } from 'viem';
import { type Caller, testChainId } from './caller.js';
import { type MessageOptions, type MessageRequest, messageHeaders } from './signedMessage.js';
import { type Answer, send } from './testStand.js';

export const sessionPath = '/v1/fxn/session';

export interface OfferedSession {
  readonly sessionId: string;
  /** Base64. */
  readonly publicKey: string;
  readonly expiresAt: number;
  readonly signature: `0x${string}`;
}

export interface SessionClient {
  readonly id: string;
  readonly expiresAt: number;
  readonly key: Uint8Array;
  /** The headers of a request signed with the session's key. */
  sign(request: MessageRequest, options?: MessageOptions): Promise<Record<string, string>>;
}

export interface SessionKeys {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

export const createSessionKeys = (): SessionKeys => {
  const secretKey = new Uint8Array(randomBytes(32));
  return { secretKey, publicKey: x25519.getPublicKey(secretKey) };
};

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Asks for a session; the answer is not checked. */
export async function requestSession(
  port: number,
  caller: Caller,
  publicKey: string,
  options: MessageOptions = {},
): Promise<Answer> {
  const body = JSON.stringify({ publicKey });
  const request = { authority: `127.0.0.1:${port}`, target: sessionPath, body };
  return send(port, { path: sessionPath, body, headers: await caller.signMessage(request, options) });
}

/** Throws unless that node signed exactly this offer to this caller. */
export async function acceptSession(
  offer: OfferedSession,
  { caller, keys, node }: { caller: Caller; keys: SessionKeys; node: string },
): Promise<SessionClient> {
  const { sessionId, publicKey, expiresAt, signature } = offer;
  const statement = [
    'fxn-session/1',
    getAddress(caller.address),
    getAddress(node),
    testChainId,
    sessionId,
    base64(keys.publicKey),
    publicKey,
    expiresAt,
  ].join('\n');
  const isGenuine = await verifyMessage({ address: getAddress(node), message: statement, signature });
  if (!isGenuine) throw new Error('the node did not sign this offer');
  const nodeKey = Buffer.from(publicKey, 'base64');
  const info = Buffer.concat([Buffer.from('fxn-session/1'), keys.publicKey, nodeKey]);
  const secret = x25519.getSharedSecret(keys.secretKey, nodeKey);
  const key = hkdf(sha256, secret, Buffer.from(sessionId, 'hex'), info, 32);
  return sessionClient(sessionId, key, expiresAt);
}

export function sessionClient(id: string, key: Uint8Array, expiresAt = 0): SessionClient {
  return {
    id,
    key,
    expiresAt,
    sign: (request, options = {}) =>
      messageHeaders(request, { alg: 'hmac-sha256', keyid: `fxn-session:${id}`, ...options }, (base) =>
        createHmac('sha256', key).update(base).digest(),
      ),
  };
}

export async function makeSession(port: number, caller: Caller, node: string): Promise<SessionClient> {
  const keys = createSessionKeys();
  const answer = await requestSession(port, caller, base64(keys.publicKey));
  if (answer.status !== 200) throw new Error(`no session: ${answer.status} ${answer.body}`);
  return acceptSession(JSON.parse(answer.body) as OfferedSession, { caller, keys, node });
}

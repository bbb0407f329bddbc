/**
 * What the node signs when it makes a session: both public keys, bound to who they are for and how long. A
 * caller that checks it knows that nobody stands between it and the node. Runs in main, which holds the node's
 * key.
 */
import { personalSignature, type SignDigest } from './personalSignature.js';
import { sessionProtocol } from './sessionKey.js';

/** What a front knows of a new session. */
export interface SessionOffer {
  /** Lower case. */
  readonly caller: `0x${string}`;
  readonly sessionId: string;
  /** Base64. */
  readonly callerPublicKey: string;
  readonly nodePublicKey: string;
  /** Unix seconds. */
  readonly expiresAtS: number;
}

export interface SessionStatement extends Omit<SessionOffer, 'caller'> {
  /** Both EIP-55. */
  readonly caller: string;
  readonly node: string;
  readonly chainId: number;
}

export function sessionStatement(statement: SessionStatement): string {
  const { caller, node, chainId, sessionId, callerPublicKey, nodePublicKey, expiresAtS } = statement;
  return [sessionProtocol, caller, node, chainId, sessionId, callerPublicKey, nodePublicKey, expiresAtS].join(
    '\n',
  );
}

/**
 * @param sign a 32-byte digest to r ‖ s ‖ v, v 0 or 1
 * @returns 65 bytes in hex with `0x`, v 27 or 28
 */
export function signSessionStatement(statement: SessionStatement, sign: SignDigest): string {
  return personalSignature(sessionStatement(statement), sign);
}

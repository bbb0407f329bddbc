/**
 * The key of a session: X25519 between a key pair of the caller and one that this node makes for this session
 * only, then HKDF-SHA-256. It never travels. Runs on the fronts; tests and clients use the same function.
 */
import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';

/** Names the use and its version, in the key derivation and in what the node signs. */
export const sessionProtocol = 'fxn-session/1';
export const publicKeyBytes = 32;

export interface SessionKeyPair {
  /** 32 bytes. */
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

export interface SessionAgreement {
  readonly own: SessionKeyPair;
  /** The other side's 32 bytes. */
  readonly peerPublicKey: Uint8Array;
  readonly callerPublicKey: Uint8Array;
  readonly nodePublicKey: Uint8Array;
  /** 32 hex digits. */
  readonly sessionId: string;
}

export function createSessionKeyPair(): SessionKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return { publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'), privateKey };
}

/**
 * @returns 32 bytes; `undefined` for a public key of low order, with which everybody knows the shared secret
 */
export function deriveSessionKey(agreement: SessionAgreement): Uint8Array | undefined {
  const { own, peerPublicKey, callerPublicKey, nodePublicKey, sessionId } = agreement;
  let secret: Buffer;
  try {
    secret = diffieHellman({ privateKey: own.privateKey, publicKey: importPublicKey(peerPublicKey) });
  } catch {
    // OpenSSL refuses a shared secret of zeros.
    return undefined;
  }
  if (secret.every((byte) => byte === 0)) return undefined;
  const info = Buffer.concat([Buffer.from(sessionProtocol, 'ascii'), callerPublicKey, nodePublicKey]);
  return new Uint8Array(hkdfSync('sha256', secret, Buffer.from(sessionId, 'hex'), info, 32));
}

function importPublicKey(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

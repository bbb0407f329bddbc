/**
 * A session as it lies in the shared store: encrypted with a key that only nodes with this identity can derive,
 * so that who can read the store can sign nothing. Runs on the fronts.
 *
 *   nonce(12) ‖ tag(16) ‖ AES-256-GCM of caller(20) ‖ session key(32) ‖ end, Unix seconds(8), in base64
 *
 * The session's id is authenticated with it, so that what is stored under one id cannot be put under another.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { addressBytes, addressText } from '../lib/address.js';
import type { Session } from '../lib/session.js';

/** For what the key is derived from the node's own; goes into every value as well. */
export const sessionStorePurpose = 'fxn-session-store/1';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const callerBytes = 20;
const keyBytes = 32;
const plainBytes = callerBytes + keyBytes + 8;

export function sealSession({ id, caller, key, expiresAtS }: Session, storeKey: Uint8Array): string {
  const plain = Buffer.alloc(plainBytes);
  plain.set(addressBytes(caller), 0);
  plain.set(key, callerBytes);
  plain.writeBigUInt64BE(BigInt(expiresAtS), callerBytes + keyBytes);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, storeKey, nonce).setAAD(authenticated(id));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  plain.fill(0);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
}

/** `undefined` for anything that was not sealed for this id with this key. */
export function openSealedSession(text: string, id: string, storeKey: Uint8Array): Session | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== nonceBytes + tagBytes + plainBytes) return undefined;
  const decipher = createDecipheriv(algorithm, storeKey, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(authenticated(id)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]);
    return {
      id,
      caller: addressText(plain.subarray(0, callerBytes)),
      key: Uint8Array.from(plain.subarray(callerBytes, callerBytes + keyBytes)),
      expiresAtS: Number(plain.readBigUInt64BE(callerBytes + keyBytes)),
    };
  } catch {
    // The tag does not fit.
    return undefined;
  }
}

const authenticated = (id: string): Buffer => Buffer.from(`${sessionStorePurpose}:${id}`, 'ascii');

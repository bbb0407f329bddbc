/**
 * What the node signs to show who it is: in the form that the network's Go node answers IDENTITY with, and in one that
 * is fresh for whoever sent the nonce. Runs in main, which holds the node's key.
 */
import { keccak256 } from './keccak.js';
import { personalSignature, type SignDigest } from './personalSignature.js';

/**
 * What the Go node signs: its public key and its address on the internet, without the prefix of personal messages.
 * @param publicKey 65 bytes, uncompressed
 * @param ipAddress `null` when it is not known
 * @returns 32 bytes
 */
export function addressedKeyDigest(publicKey: Uint8Array, ipAddress: string | null): Uint8Array {
  return keccak256(Buffer.concat([publicKey, Buffer.from(`.${ipAddress ?? ''}`, 'utf8')]));
}

export interface IdentityStatement {
  /** EIP-55. */
  readonly address: string;
  readonly chainId: number;
  /** 64 hex digits, lower case: the verifier's. */
  readonly nonce: string;
  /** Unix seconds. */
  readonly timestamp: number;
}

export function identityStatement({ address, chainId, nonce, timestamp }: IdentityStatement): string {
  return ['fxn-identity/1', address, chainId, nonce, timestamp].join('\n');
}

/** @returns 65 bytes in hex with `0x`, v 27 or 28 */
export function signIdentityStatement(statement: IdentityStatement, sign: SignDigest): `0x${string}` {
  return personalSignature(identityStatement(statement), sign);
}

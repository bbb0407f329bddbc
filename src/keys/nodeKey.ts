/**
 * The node's identity: one secp256k1 key that signs what the node answers for. The secret stays in a closure,
 * so no logger, `JSON.stringify` or inspector that is handed a `NodeKey` can print it. Runs in main and the
 * command line.
 */
import { createECDH, hkdfSync, randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { NodeError } from '../errors/nodeError.js';
import { type AddressText, addressText } from '../lib/address.js';
import { checksumAddress } from './checksumAddress.js';
import { keyFileError } from './keyFileError.js';

export interface NodeKey {
  /** Lower case. */
  readonly address: AddressText;
  /** EIP-55. */
  readonly checksumAddress: string;
  /** 65 bytes: `04 ‖ x ‖ y`. */
  readonly publicKey: Uint8Array;
  /**
   * Signs a 32-byte digest as it is: `r(32) ‖ s(32) ‖ v(1)`, v 0 or 1, low s, and the same bytes every time
   * (RFC 6979).
   */
  sign(digest: Uint8Array): Uint8Array;
  /** 32 secret bytes for one purpose, the same for every holder of the key (HKDF-SHA-256). */
  deriveSecret(purpose: string): Uint8Array;
}

/** Throws `key_file` unless the 32 bytes are in `1 … n − 1`. The bytes are copied. */
export function createNodeKey(privateKey: Uint8Array): NodeKey {
  if (!secp256k1.utils.isValidSecretKey(privateKey)) {
    throw keyFileError('invalid_key', 'the private key is not a valid secp256k1 key');
  }
  const secret = Uint8Array.from(privateKey);
  // OpenSSL has it in a millisecond; the library first makes tables, which takes a start forty.
  const ecdh = createECDH('secp256k1');
  ecdh.setPrivateKey(secret);
  const publicKey = new Uint8Array(ecdh.getPublicKey());
  const address = addressText(keccak_256(publicKey.subarray(1)).subarray(12));
  return Object.freeze({
    address,
    checksumAddress: checksumAddress(address),
    publicKey,
    sign: (digest: Uint8Array) => signDigest(digest, secret),
    deriveSecret: (purpose: string) => new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32)),
  });
}

export function generatePrivateKey(): Uint8Array {
  for (;;) {
    const candidate = new Uint8Array(randomBytes(32));
    // Fails about once in 2^128 draws.
    if (secp256k1.utils.isValidSecretKey(candidate)) return candidate;
  }
}

const digestBytes = 32;

function signDigest(digest: Uint8Array, secret: Uint8Array): Uint8Array {
  if (digest.length !== digestBytes) {
    throw new NodeError('internal_error', { meta: { expectedBytes: digestBytes, gotBytes: digest.length } });
  }
  // noble puts the recovery bit first, Ethereum last.
  const recovered = secp256k1.sign(digest, secret, { prehash: false, format: 'recovered' });
  const signature = new Uint8Array(65);
  signature.set(recovered.subarray(1), 0);
  signature[64] = recovered[0]!;
  return signature;
}

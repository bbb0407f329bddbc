/**
 * The unencrypted key file of the network's Go node: `{"public_key", "address", "private_key"}`, hex without
 * `0x` except for the address. Go reads only `private_key`; here the other two, when present, must agree with
 * it, so that a file patched together from two keys is noticed. Runs in main and the command line.
 */
import { parseAddress } from '../lib/address.js';
import { type JsonObject, parseHex, textField } from './jsonFields.js';
import { keyFileError } from './keyFileError.js';
import { createNodeKey, type NodeKey } from './nodeKey.js';

export interface PlainKey {
  /** `04 ‖ x ‖ y`. */
  readonly public_key: string;
  /** EIP-55, with `0x`: what the Go node writes. */
  readonly address: string;
  readonly private_key: string;
}

export function plainKeyOf(privateKey: Uint8Array): PlainKey {
  const key = createNodeKey(privateKey);
  return {
    public_key: Buffer.from(key.publicKey).toString('hex'),
    address: key.checksumAddress,
    private_key: Buffer.from(privateKey).toString('hex'),
  };
}

/** The 32 bytes of the private key. */
export function parsePlainKey(file: JsonObject): Uint8Array {
  const privateKey = parsePrivateKeyHex(textField(file, 'private_key'));
  if (privateKey === undefined) {
    throw keyFileError('invalid_key', '"private_key" is not 64 hex digits');
  }
  const key = createNodeKey(privateKey);
  if (isStated(file, 'public_key') && !isSamePublicKey(textField(file, 'public_key'), key)) {
    throw keyFileError('mismatch', '"public_key" does not belong to "private_key"');
  }
  if (isStated(file, 'address') && parseAddress(textField(file, 'address')) !== key.address) {
    throw keyFileError('mismatch', '"address" does not belong to "private_key"');
  }
  return privateKey;
}

/** The bytes of a private key written as 64 hex digits, `0x` optional; `undefined` for anything else. */
export function parsePrivateKeyHex(text: string): Uint8Array | undefined {
  const bytes = parseHex(text);
  return bytes?.length === 32 ? bytes : undefined;
}

function isStated(file: JsonObject, name: string): boolean {
  return file[name] !== undefined && file[name] !== '';
}

/** Some tools write the uncompressed key without its leading `04`. */
function isSamePublicKey(text: string, key: NodeKey): boolean {
  const stated = parseHex(text);
  if (stated === undefined) return false;
  const expected = stated.length === 64 ? key.publicKey.subarray(1) : key.publicKey;
  return Buffer.compare(stated, expected) === 0;
}

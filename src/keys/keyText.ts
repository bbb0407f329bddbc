/**
 * Which of the two key formats a text is, what it says about itself without a password, and the private key
 * once there is one. Runs in main and the command line.
 */
import type { AddressText } from '../lib/address.js';
import { isRecord } from '../lib/unknownJson.js';
import type { JsonObject } from './jsonFields.js';
import { keyFileError } from './keyFileError.js';
import { parseKeystoreParameters } from './keystoreParameters.js';
import { decryptKeystoreV3 } from './keystoreV3.js';
import { createNodeKey } from './nodeKey.js';
import { parsePlainKey } from './plainKey.js';

export interface KeyText {
  readonly format: 'keystore' | 'plain';
  /** A keystore may leave it out, and states it unproven until it is decrypted. */
  readonly address: AddressText | undefined;
  /** The 32 bytes of the private key; the password is ignored by the plain format. */
  decode(password: string | undefined): Promise<Uint8Array>;
}

/** Throws `key_file`: not JSON, unknown format, or fields that no honest file holds. */
export function parseKeyText(text: string): KeyText {
  const file = parseJsonObject(text);
  if ('crypto' in file || 'Crypto' in file) return keystoreText(file);
  if ('private_key' in file) {
    const privateKey = parsePlainKey(file);
    return {
      format: 'plain',
      address: createNodeKey(privateKey).address,
      decode: async () => Uint8Array.from(privateKey),
    };
  }
  throw keyFileError('unknown_format', 'the format of this key file is not known');
}

function keystoreText(file: JsonObject): KeyText {
  if (file['version'] !== 3) throw keyFileError('unknown_format', 'the version of this keystore is not 3');
  return {
    format: 'keystore',
    address: parseKeystoreParameters(file).address,
    decode: async (password) => {
      if (password === undefined) throw keyFileError('password_needed', 'the key is encrypted');
      return decryptKeystoreV3(file, password);
    },
  };
}

function parseJsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The parser's message quotes the text around the fault, which may be the key: it goes no further.
    throw keyFileError('not_json', 'the file is not JSON');
  }
  if (!isRecord(value)) throw keyFileError('unknown_format', 'the file is not a JSON object');
  return value;
}

/**
 * The fields of a Web3 Secret Storage file (version 3), checked before any work is spent on them: a key file
 * can come from a stranger, and scrypt does as much work and takes as much memory as its file says. Reads what
 * geth writes, its old capitalised `Crypto` included. Runs in main and the command line.
 * Source: ethereum.org, "Web3 Secret Storage Definition".
 */
import { type AddressText, parseAddress } from '../lib/address.js';
import { hexField, type JsonObject, objectField, textField } from './jsonFields.js';
import { keyFileError } from './keyFileError.js';

/** What scrypt costs: memory is `128 · n · r` bytes, work is in proportion to `n · r · p`. */
export interface ScryptCost {
  /** A power of two. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

export type KeyDerivation =
  | { readonly kind: 'scrypt'; readonly cost: ScryptCost; readonly salt: Uint8Array }
  | { readonly kind: 'pbkdf2'; readonly iterations: number; readonly salt: Uint8Array };

export interface KeystoreParameters {
  readonly derivation: KeyDerivation;
  /** 16 bytes. */
  readonly iv: Uint8Array;
  /** 1–32 bytes: some old writers dropped the leading zero bytes of a key. */
  readonly ciphertext: Uint8Array;
  /** 32 bytes. */
  readonly mac: Uint8Array;
  /** What the file says it is; proven only by decrypting. */
  readonly address: AddressText | undefined;
}

/** Twice what geth's standard wallets use. */
const maxScryptMemoryBytes = 512 * 1024 * 1024;
/** Eight times the work of geth's standard wallets (n = 2^18, r = 8, p = 1); several seconds on one core. */
const maxScryptWork = 2 ** 24;
/** `r` and `p` of real wallets are 1 to 8; OpenSSL also needs `128 · r · p` bytes. */
const maxScryptFactor = 64;
/** Forty times the common 262,144; several seconds on one core. */
const maxPbkdf2Iterations = 10_000_000;
const derivedKeyBytes = 32;
const saltBytes = { least: 8, most: 64 };

export function parseKeystoreParameters(file: JsonObject): KeystoreParameters {
  const crypto = objectField(file, 'Crypto' in file && !('crypto' in file) ? 'Crypto' : 'crypto');
  if (textField(crypto, 'cipher') !== 'aes-128-ctr') {
    throw keyFileError('unknown_format', 'the cipher is not aes-128-ctr');
  }
  return {
    derivation: parseDerivation(crypto),
    iv: sizedHexField(objectField(crypto, 'cipherparams'), 'iv', 16, 16),
    ciphertext: sizedHexField(crypto, 'ciphertext', 1, 32),
    mac: sizedHexField(crypto, 'mac', 32, 32),
    address: parseStatedAddress(file),
  };
}

function parseDerivation(crypto: JsonObject): KeyDerivation {
  const parameters = objectField(crypto, 'kdfparams');
  const kdf = textField(crypto, 'kdf');
  if (kdf !== 'scrypt' && kdf !== 'pbkdf2') {
    throw keyFileError('unknown_format', 'the key derivation is neither scrypt nor pbkdf2');
  }
  countField(parameters, 'dklen', derivedKeyBytes, derivedKeyBytes);
  const salt = sizedHexField(parameters, 'salt', saltBytes.least, saltBytes.most);
  if (kdf === 'scrypt') return { kind: 'scrypt', cost: parseScryptCost(parameters), salt };
  if (textField(parameters, 'prf') !== 'hmac-sha256') {
    throw keyFileError('unknown_format', 'the pseudo-random function of pbkdf2 is not hmac-sha256');
  }
  return { kind: 'pbkdf2', iterations: countField(parameters, 'c', 1, maxPbkdf2Iterations), salt };
}

function parseScryptCost(parameters: JsonObject): ScryptCost {
  const r = countField(parameters, 'r', 1, maxScryptFactor);
  const p = countField(parameters, 'p', 1, maxScryptFactor);
  const n = countField(parameters, 'n', 2, maxScryptMemoryBytes / (128 * r));
  if (!Number.isInteger(Math.log2(n))) throw hostile('"n" of scrypt is not a power of two');
  if (n * r * p > maxScryptWork) throw hostile('scrypt would take too much work ("n" · "r" · "p")');
  return { n, r, p };
}

function countField(object: JsonObject, name: string, least: number, most: number): number {
  const value = object[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw keyFileError('unknown_format', `"${name}" is missing or not a whole number`);
  }
  if (value < least || value > most) throw hostile(`"${name}" is out of the accepted range`);
  return value;
}

function sizedHexField(object: JsonObject, name: string, least: number, most: number): Uint8Array {
  const bytes = hexField(object, name);
  if (bytes.length < least || bytes.length > most) throw hostile(`"${name}" has a wrong length`);
  return bytes;
}

function parseStatedAddress(file: JsonObject): AddressText | undefined {
  // Left out, or left empty, by wallets that keep their owner's address private.
  if (file['address'] === undefined || file['address'] === '') return undefined;
  const address = parseAddress(textField(file, 'address'));
  if (address === undefined) throw keyFileError('unknown_format', '"address" is not an address');
  return address;
}

const hostile = (detail: string) => keyFileError('hostile_parameters', detail);

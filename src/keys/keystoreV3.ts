/**
 * Encrypting and decrypting a private key with a password: Web3 Secret Storage version 3, the format of geth
 * and nearly every Ethereum wallet. Derivation runs beside the event loop, on libuv's thread pool.
 * Runs in main and the command line.
 * Source: ethereum.org, "Web3 Secret Storage Definition".
 */
import {
  createCipheriv,
  createDecipheriv,
  pbkdf2,
  randomBytes,
  randomUUID,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { scryptAsync as scryptInJavaScript } from '@noble/hashes/scrypt.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import type { JsonObject } from './jsonFields.js';
import { keyFileError } from './keyFileError.js';
import { type KeyDerivation, parseKeystoreParameters, type ScryptCost } from './keystoreParameters.js';
import { createNodeKey } from './nodeKey.js';

export interface KeystoreV3 {
  readonly version: 3;
  readonly id: string;
  /** Lower case, without `0x`, as geth writes it. */
  readonly address: string;
  readonly crypto: {
    readonly cipher: 'aes-128-ctr';
    readonly cipherparams: { readonly iv: string };
    readonly ciphertext: string;
    readonly kdf: 'scrypt';
    readonly kdfparams: ScryptCost & { readonly dklen: 32; readonly salt: string };
    readonly mac: string;
  };
}

/** 128 MiB and about half a second: as dear as a start of the node can bear on a small machine. */
const standardCost: ScryptCost = { n: 2 ** 17, r: 8, p: 1 };

/** `cost` is for tests, which cannot spend half a second on each key. */
export async function encryptKeystoreV3(
  privateKey: Uint8Array,
  password: string,
  cost: ScryptCost = standardCost,
): Promise<KeystoreV3> {
  const { address } = createNodeKey(privateKey);
  const salt = randomBytes(32);
  const iv = randomBytes(16);
  const derived = await deriveKey({ kind: 'scrypt', cost, salt }, password);
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(privateKey), cipher.final()]);
  const mac = keystoreMac(derived, ciphertext);
  derived.fill(0);
  return {
    version: 3,
    id: randomUUID(),
    address: address.slice(2),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf: 'scrypt',
      kdfparams: { dklen: 32, n: cost.n, r: cost.r, p: cost.p, salt: salt.toString('hex') },
      mac: mac.toString('hex'),
    },
  };
}

/** The 32 bytes of the private key. Throws `key_file`; hostile parameters are refused before any derivation. */
export async function decryptKeystoreV3(file: JsonObject, password: string): Promise<Uint8Array> {
  const { derivation, iv, ciphertext, mac, address } = parseKeystoreParameters(file);
  const derived = await deriveKey(derivation, password);
  if (!timingSafeEqual(keystoreMac(derived, ciphertext), mac)) {
    derived.fill(0);
    throw keyFileError('wrong_password', 'the password is wrong (or the file is damaged)');
  }
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const privateKey = new Uint8Array(32);
  privateKey.set(decipher.update(ciphertext), privateKey.length - ciphertext.length);
  derived.fill(0);
  const key = createNodeKey(privateKey);
  if (address !== undefined && address !== key.address) {
    throw keyFileError('mismatch', '"address" does not belong to the key inside');
  }
  return privateKey;
}

/** The second half of the derived key authenticates, the first half encrypts. */
function keystoreMac(derived: Uint8Array, ciphertext: Uint8Array): Buffer {
  return Buffer.from(keccak_256(Buffer.concat([derived.subarray(16, 32), ciphertext])));
}

const pbkdf2Async = promisify(pbkdf2);

function deriveKey(derivation: KeyDerivation, password: string): Promise<Uint8Array> {
  switch (derivation.kind) {
    case 'scrypt':
      return deriveScrypt(derivation.cost, derivation.salt, password);
    case 'pbkdf2':
      return pbkdf2Async(password, derivation.salt, derivation.iterations, 32, 'sha256');
  }
}

function deriveScrypt(cost: ScryptCost, salt: Uint8Array, password: string): Promise<Uint8Array> {
  const { n, r, p } = cost;
  // OpenSSL holds to a bound of the scrypt paper (n < 2^16r) that the format's own test vector breaks, and
  // calls it "memory limit exceeded". Such files are rare; a slower derivation serves them.
  if (n >= 2 ** (16 * r)) return scryptInJavaScript(password, salt, { N: n, r, p, dkLen: 32 });
  return new Promise((resolve, reject) => {
    // OpenSSL counts two blocks and the p input blocks on top of 128·n·r.
    const maxmem = 128 * r * (n + p + 2);
    scrypt(password, salt, 32, { N: n, r, p, maxmem }, (error, derived) =>
      error === null ? resolve(derived) : reject(error),
    );
  });
}

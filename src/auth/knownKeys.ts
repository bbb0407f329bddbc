/**
 * Public keys beside the addresses that are made of them, so that the key of a caller who comes again is compared and not
 * hashed. It is still recovered from every signature: this saves the hash behind it and nothing else. Runs on the
 * fronts; each has its own.
 */
import { addressWords } from '../lib/addressWords.js';
import { publicKeyAddress } from './digest.js';

/** Two callers who meet in one row take turns, which costs a hash a request. Fills 84 KB. */
const rows = 1_024;
const addressLength = 5;
const keyLength = 16;
const rowLength = addressLength + keyLength;

export class KnownKeys {
  /** Per row an address and its key. */
  readonly #words = new Int32Array(rows * rowLength);
  readonly #bytes: Uint8Array;
  readonly #keyWords: Int32Array;
  readonly #derived = new Int32Array(addressLength);

  /** @param publicKey 65 bytes, uncompressed, at an offset of 3 in their memory: where each key to come is written */
  constructor(publicKey: Uint8Array) {
    this.#bytes = publicKey;
    // Behind the byte that says how the key is written.
    this.#keyWords = new Int32Array(publicKey.buffer, publicKey.byteOffset + 1, keyLength);
  }

  /** Whether the key that was written last is that of an address, five words. */
  isKeyOf(address: Int32Array): boolean {
    const words = this.#words;
    const key = this.#keyWords;
    // Addresses are hashes, so any of their words spreads them.
    const row = (address[0]! & (rows - 1)) * rowLength;
    if (isAt(words, row, address) && isAt(words, row + addressLength, key)) return true;
    const derived = addressWords(publicKeyAddress(this.#bytes), this.#derived);
    if (!isAt(derived, 0, address)) return false;
    words.set(address, row);
    words.set(key, row + addressLength);
    return true;
  }
}

function isAt(words: Int32Array, at: number, wanted: Int32Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (words[at + i] !== wanted[i]) return false;
  return true;
}

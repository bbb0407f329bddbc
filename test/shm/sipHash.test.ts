import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { maxSipBytes, sipHash } from '#src/shm/sipHash.js';
import { propertyRuns } from '#test/runs.js';

const mask = (1n << 64n) - 1n;

/** Written once more from the paper, with integers of any size. */
function sipHashByPaper(key: Uint8Array, input: Uint8Array): Buffer {
  const wordAt = (bytes: Uint8Array, at: number): bigint => Buffer.from(bytes).readBigUInt64LE(at);
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & mask;
  const [k0, k1] = [wordAt(key, 0), wordAt(key, 8)];
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn ^ 0xeen;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & mask;
      v2 = (v2 + v3) & mask;
      v1 = rotate(v1, 13n) ^ v0;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v1) & mask;
      v0 = (v0 + v3) & mask;
      v1 = rotate(v1, 17n) ^ v2;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = rotate(v2, 32n);
    }
  };
  const padded = Buffer.alloc(Math.floor(input.length / 8) * 8 + 8);
  padded.set(input);
  padded[padded.length - 1] = input.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  const digest = Buffer.alloc(16);
  v2 ^= 0xeen;
  rounds(4);
  digest.writeBigUInt64LE(v0 ^ v1 ^ v2 ^ v3, 0);
  v1 ^= 0xddn;
  rounds(4);
  digest.writeBigUInt64LE(v0 ^ v1 ^ v2 ^ v3, 8);
  return digest;
}

const wordsOf = (bytes: Uint8Array): Int32Array => new Int32Array(Uint8Array.from(bytes).buffer);
const hexOf = (words: Int32Array): string => Buffer.from(words.slice().buffer).toString('hex');

/** The first bytes as words, the rest as text. */
function hashOf(key: Uint8Array, input: Uint8Array, words: number): string {
  const text = Buffer.from(input.subarray(words * 4)).toString('latin1');
  return hexOf(sipHash(wordsOf(key), wordsOf(input.subarray(0, words * 4)), text));
}

const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

describe('SipHash-2-4 with 128 bits', () => {
  it('is what the authors publish and what OpenSSL computes', () => {
    const known: Readonly<Record<number, string>> = {
      0: 'a3817f04ba25a8e66df67214c7550293',
      1: 'da87c1d86b99af44347659119b22fc45',
      2: '8177228da4a45dc7fca38bdef60affe4',
      3: '9c70b60c5267a94e5f33b6b02985ed51',
      7: 'a1f1ebbed8dbc153c0b84aa61ff08239',
      8: '3b62a9ba6258f5610f83e264f31497b4',
      9: '264499060ad9baabc47f8b02bb6d71ed',
      15: '5493e99933b0a8117e08ec0f97cfc3d9',
      16: '6ee2a4ca67b054bbfd3315bf85230577',
      63: '5150d1772f50834a503e069a973fbd7c',
      64: '1eaf077dc0d4cd3f8cad4d383658a74b',
    };
    for (const [length, digest] of Object.entries(known)) {
      assert.equal(hashOf(counted(16), counted(Number(length)), 0), digest, `${length} bytes`);
    }
  });

  it('is the same for any key, words and text, and what came before leaves no trace', () => {
    const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const input = fc.uint8Array({ maxLength: 540 });
    fc.assert(
      fc.property(key, input, fc.nat(5), (k, bytes, wanted) => {
        const words = Math.min(wanted, Math.floor(bytes.length / 4));
        assert.equal(hashOf(k, bytes, words), sipHashByPaper(k, bytes).toString('hex'));
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('takes as much as it has room for, and says so of more', () => {
    const full = new Uint8Array(maxSipBytes).fill(7);
    assert.equal(hashOf(counted(16), full, 5), sipHashByPaper(counted(16), full).toString('hex'));
    assert.throws(() => hashOf(counted(16), new Uint8Array(maxSipBytes + 1), 5), RangeError);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { keccak256, keccak256OfLatin1 } from '#src/auth/keccak.js';
import { hexOf } from '#test/keys/publicTestKeys.js';
import { propertyRuns } from '#test/runs.js';

const blockBytes = 136;
/** What the kernel takes in at once. */
const inputBytes = 400 * blockBytes;

const counted = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));

describe('keccak-256', () => {
  it('of known texts is what Ethereum and the Keccak team publish', () => {
    const known = {
      '': 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
      abc: '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45',
      'Transfer(address,address,uint256)': 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
    };
    for (const [text, digest] of Object.entries(known)) {
      assert.equal(hexOf(keccak256(Buffer.from(text))), digest);
      assert.equal(hexOf(keccak256OfLatin1(text)), digest);
    }
  });

  it('is the same as in JavaScript for every length around the ends of blocks', () => {
    for (let length = 0; length <= 4 * blockBytes; length++) {
      assert.deepEqual(keccak256(counted(length)), keccak_256(counted(length)), `${length} bytes`);
    }
  });

  it('is the same for messages larger than what is taken in at once', () => {
    for (const times of [1, 2, 3]) {
      for (const more of [-137, -136, -1, 0, 1, 135, 136]) {
        const bytes = counted(times * inputBytes + more);
        const expected = hexOf(keccak_256(bytes));
        assert.equal(hexOf(keccak256(bytes)), expected, `${bytes.length} bytes`);
        assert.equal(hexOf(keccak256OfLatin1(bytes.toString('latin1'))), expected, `${bytes.length} chars`);
      }
    }
  });

  it('is the same for any bytes, and what came before leaves no trace', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        const expected = hexOf(keccak_256(bytes));
        assert.equal(hexOf(keccak256(bytes)), expected);
        assert.equal(hexOf(keccak256OfLatin1(Buffer.from(bytes).toString('latin1'))), expected);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('gives each call a result of its own', () => {
    const first = keccak256(Buffer.from('a'));
    const text = hexOf(first);
    keccak256(Buffer.from('b'));
    assert.equal(hexOf(first), text);
    assert.equal(first.byteLength, first.buffer.byteLength, 'nothing of the kernel is handed out');
  });
});

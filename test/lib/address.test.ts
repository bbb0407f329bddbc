import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addressBytes, addressText, parseAddress } from '#src/lib/address.js';
import { addressTextWords, addressWords, isAddressOf } from '#src/lib/addressWords.js';
import { propertyRuns } from '#test/runs.js';

const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 });
const form = /^(?:0[xX])?([0-9a-fA-F]{40})$/;

describe('an address text', () => {
  it('is taken in any letter case with or without 0x, and nothing else is', () => {
    const spelled = fc
      .tuple(
        bytes20,
        fc.constantFrom('', '0x', '0X', 'x', '0'),
        fc.nat(),
        fc.constantFrom('same', 'upper', 'changed'),
      )
      .chain(([bytes, prefix, at, change]) => {
        const digits = Buffer.from(bytes).toString('hex');
        const place = at % 41;
        return fc.string({ unit: 'binary', maxLength: 2 }).map((other) => {
          if (change === 'same') return prefix + digits;
          if (change === 'upper') return prefix + digits.slice(0, place) + digits.slice(place).toUpperCase();
          return prefix + digits.slice(0, place) + other + digits.slice(place + 1);
        });
      });
    fc.assert(
      fc.property(spelled, (text) => {
        const digits = form.exec(text)?.[1];
        assert.equal(parseAddress(text), digits === undefined ? undefined : `0x${digits.toLowerCase()}`);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('has the words of its bytes', () => {
    fc.assert(
      fc.property(bytes20, (bytes) => {
        const words = addressTextWords(addressText(bytes));
        assert.deepEqual(words, addressWords(bytes));
        assert.deepEqual(Buffer.from(addressBytes(addressText(bytes))), Buffer.from(bytes));
        assert.ok(isAddressOf(words, bytes));
      }),
      { numRuns: propertyRuns(500) },
    );
  });

  it('is of no other bytes, whichever one differs', () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, i) => i * 13);
    const words = addressWords(bytes);
    for (let i = 0; i < 20; i++) {
      for (const bit of [1, 128]) {
        const other = Uint8Array.from(bytes);
        other[i] = (other[i] as number) ^ bit;
        assert.ok(!isAddressOf(words, other), `byte ${i}`);
      }
    }
    assert.ok(!isAddressOf(words, bytes.subarray(0, 19)));
    assert.ok(!isAddressOf(new Int32Array(5), new Uint8Array(0)));
  });
});

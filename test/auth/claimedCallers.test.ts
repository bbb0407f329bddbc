import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ClaimedCallers } from '#src/auth/claimedCallers.js';
import { parseAddress } from '#src/lib/address.js';
import { addressTextWords } from '#src/lib/addressWords.js';
import { propertyRuns } from '#test/runs.js';

const addressNumbered = (number: number): string => `0x${number.toString(16).padStart(40, 'A')}`;

describe('callers by name', () => {
  it('are what their name says, the first time and again', () => {
    const callers = new ClaimedCallers();
    const behind = new ClaimedCallers(3);
    const digits = fc.string({
      unit: fc.constantFrom(...'0123456789abcdefABCDEFgx'),
      minLength: 39,
      maxLength: 42,
    });
    const name = fc.tuple(fc.constantFrom('', '0x', '0X', ' '), digits).map((parts) => parts.join(''));
    fc.assert(
      fc.property(name, (text) => {
        const address = parseAddress(text);
        const expected = address && { address, words: addressTextWords(address) };
        for (let i = 0; i < 2; i++) {
          assert.deepEqual(callers.named(text), expected);
          assert.deepEqual(behind.named(`a:b${text}`), expected);
        }
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('are as many as come, whoever was there before', () => {
    const callers = new ClaimedCallers();
    for (let round = 0; round < 2; round++) {
      for (let number = 0; number < 10_000; number++) {
        assert.equal(callers.named(addressNumbered(number))?.address, addressNumbered(number).toLowerCase());
      }
    }
  });
});

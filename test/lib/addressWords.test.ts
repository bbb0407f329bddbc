import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { addressWords } from '#src/lib/addressWords.js';
import { propertyRuns } from '#test/runs.js';

it('an address is its twenty bytes as five little-endian words', () => {
  assert.deepEqual(
    [...addressWords(Buffer.from('0100000002000000030000000000008001020304', 'hex'))],
    [1, 2, 3, -2_147_483_648, 0x04030201],
  );
});

it('no two addresses have the same words', () => {
  const bytes = fc.uint8Array({ minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(bytes, (address) => {
      const back = new Uint8Array(20);
      const view = new DataView(back.buffer);
      for (const [i, word] of addressWords(address).entries()) view.setInt32(i * 4, word, true);
      assert.deepEqual(back, address);
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

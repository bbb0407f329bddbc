import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeHex, hexByte, hexDigit, hexStart } from '#src/lib/hex.js';
import { propertyRuns } from '#test/runs.js';

describe('hex digits in a text', () => {
  it('are told from every other character', () => {
    for (let code = 0; code < 0x400; code++) {
      const text = String.fromCharCode(code);
      const expected = /^[0-9a-fA-F]$/.test(text) ? Number.parseInt(text, 16) : undefined;
      assert.equal(hexDigit(text, 0) > 15 ? undefined : hexDigit(text, 0), expected, `code ${code}`);
    }
    assert.ok(hexDigit('', 0) > 15, 'there is none behind the end');
  });

  it('spell a byte by two', () => {
    assert.deepEqual(
      ['00', '0f', 'F0', 'aB', 'g0', '0g', ' 1', '1', ''].map((text) => hexByte(text, 0)),
      [0, 15, 240, 171, -1, -1, -1, -1, -1],
    );
  });

  it('spell bytes from any place on, in either letter case', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.stringMatching(/^.{0,3}$/),
        fc.boolean(),
        (bytes, before, upper) => {
          const digits = Buffer.from(bytes).toString('hex');
          const into = new Uint8Array(bytes.length);
          assert.ok(decodeHex(before + (upper ? digits.toUpperCase() : digits), before.length, into));
          assert.deepEqual(into, bytes);
        },
      ),
      { numRuns: propertyRuns(500) },
    );
  });

  it('are not bytes when one of them is another character or is missing', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 70 }),
        fc.nat(),
        fc.string({ unit: 'binary', maxLength: 1 }),
        (bytes, at, other) => {
          const digits = Buffer.from(bytes).toString('hex');
          const place = at % digits.length;
          const changed = digits.slice(0, place) + other + digits.slice(place + 1);
          const isHex = new RegExp(`^[0-9a-fA-F]{${digits.length}}$`).test(changed);
          assert.equal(decodeHex(changed, 0, new Uint8Array(bytes.length)), isHex);
        },
      ),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('begin behind 0x in either letter case, where there is one', () => {
    assert.deepEqual(['0x1', '0X1', '01', 'x1', '1x', '', '0'].map(hexStart), [2, 2, 0, 0, 0, 0, 0]);
  });
});

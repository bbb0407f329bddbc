import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JsonWalk } from '#src/lib/jsonWalk.js';
import { arbitraryMembers, objectText } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

const anyLength = 1_000;

function membersOf(bytes: Buffer, from = 0): { list: [string | undefined, unknown][]; walk: JsonWalk } {
  const walk = new JsonWalk(bytes, from);
  const list: [string | undefined, unknown][] = [];
  while (walk.next()) {
    const value = JSON.parse(bytes.toString('utf8', walk.valueStart, walk.valueEnd())) as unknown;
    list.push([walk.isObject ? walk.key(anyLength) : undefined, value]);
  }
  return { list, walk };
}

describe('walking over JSON', () => {
  it('finds every member of an object where it lies, in order, given twice or not', () => {
    fc.assert(
      fc.property(arbitraryMembers('stream', fc.jsonValue()), fc.nat(), (members, spelling) => {
        const { bytes } = objectText(members, 'stream', spelling);
        const { list, walk } = membersOf(bytes);
        // As JSON has them: -0 is written 0.
        assert.deepEqual(list, JSON.parse(JSON.stringify(members)));
        assert.ok(walk.isWhole);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('finds every element of an array', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.nat(3), (elements, indent) => {
        const bytes = Buffer.from(` ${JSON.stringify(elements, null, indent)} `);
        const { list, walk } = membersOf(bytes);
        assert.deepEqual(
          list.map(([, value]) => value),
          JSON.parse(JSON.stringify(elements)),
        );
        assert.ok(walk.isWhole && !walk.isObject);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('never takes an object that was cut off for a whole one, and never leaves the bytes', () => {
    fc.assert(
      fc.property(
        arbitraryMembers('a', fc.jsonValue()),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (members, spelling, share) => {
          const text = objectText(members, 'a', spelling).bytes.toString().trimEnd();
          const bytes = Buffer.from(text);
          const cut = Buffer.from(bytes.subarray(0, Math.floor(share * (bytes.length - 1))));
          const walk = new JsonWalk(cut);
          while (walk.next()) {
            assert.ok(walk.valueStart < cut.length);
            assert.ok(walk.valueEnd() <= cut.length);
          }
          assert.ok(!walk.isWhole);
        },
      ),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('ends on any bytes', () => {
    const byte = fc.constantFrom(...Buffer.from('{}[]":,\\ a1\u0000'));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (noise) => {
        const bytes = Buffer.from(noise);
        const walk = new JsonWalk(bytes);
        let steps = 0;
        while (walk.next()) {
          assert.ok(walk.valueStart < bytes.length);
          assert.ok(walk.valueEnd() <= bytes.length);
          steps++;
        }
        assert.ok(steps <= bytes.length);
      }),
      { numRuns: propertyRuns(20_000) },
    );
  });

  it('knows a key in every spelling', () => {
    for (const spelled of ['"stream"', '"str\\u0065am"', '"\\u0073\\u0074\\u0072\\u0065\\u0061\\u006d"']) {
      const walk = new JsonWalk(Buffer.from(`{${spelled}:1}`));
      assert.ok(walk.next());
      assert.ok(walk.isKey('stream'), spelled);
      assert.ok(!walk.isKey('streams') && !walk.isKey('strea'));
    }
  });

  it('reads a string of backslashes and quotes once, not once per quote', () => {
    for (const text of ['\\\\'.repeat(500_000), '\\"'.repeat(500_000), `${'\\\\'.repeat(400_000)}\\"`]) {
      const walk = new JsonWalk(Buffer.from(`{"a":"${text}","b":2}`));
      assert.ok(walk.next() && walk.next());
      assert.ok(walk.isKey('b') && !walk.next() && walk.isWhole);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TopLevelMember } from '#src/lib/topLevelMember.js';
import { arbitraryCuts, arbitraryMembers, cut, objectText } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

const modelValue = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(null, 7, true, [], {}),
);
const members = arbitraryMembers('model', modelValue);
const seed = fc.nat();

interface Scan {
  readonly scanner: TopLevelMember;
  /** Offsets counted over all pieces. */
  readonly found: { start: number; end: number; text: string }[];
}

function scanPieces(pieces: readonly Buffer[], key = 'model'): Scan {
  const scanner = new TopLevelMember(key);
  const found: { start: number; end: number; text: string }[] = [];
  let passed = 0;
  for (const piece of pieces) {
    for (const { start, end, text } of scanner.scan(piece)) {
      found.push({ start: passed + start, end: passed + end, text });
    }
    passed += piece.length;
  }
  return { scanner, found };
}

const scanText = (text: string, key?: string): Scan => scanPieces([Buffer.from(text)], key);

/**
 * Whether JSON.parse accepts the text once everything below the top level is made harmless: the scanner
 * promises to check no more than that.
 */
function isObjectAtTheTop(text: string): boolean {
  const outer = /^[ \t\r\n]*\{([\s\S]*)\}[ \t\r\n]*$/.exec(text.replace(/"(?:[^"\\]|\\[\s\S])*"/g, '"s"'));
  if (outer === null) return false;
  let inner = outer[1]!;
  for (;;) {
    const flatter = inner.replace(/\{[^{}[\]]*\}|\[[^{}[\]]*\]/g, '0 ');
    if (flatter === inner) break;
    inner = flatter;
  }
  return isJson(`{${inner}}`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('finding a top-level member', () => {
  it('finds what JSON.parse would, with its place, however it is spelled and wherever it is cut', () => {
    fc.assert(
      fc.property(members, seed, arbitraryCuts, (list, spelling, cuts) => {
        const { bytes, wanted } = objectText(list, 'model', spelling);
        const { scanner, found } = scanPieces(cut(bytes, cuts));
        assert.deepEqual(found, wanted);
        const others = list.filter(([key, value]) => key === 'model' && typeof value !== 'string');
        assert.equal(scanner.otherValues, others.length);
        assert.equal(scanner.isComplete, true);
        assert.equal(scanner.isBroken, false);
        assert.equal(scanner.isEmpty, list.length === 0);
        assert.equal(scanner.objectStart, bytes.indexOf('{'));
        const parsed = JSON.parse(bytes.toString()) as { model?: unknown };
        const last = list.findLast(([key]) => key === 'model');
        if (typeof last?.[1] === 'string') assert.equal(found.at(-1)?.text, parsed.model);
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });

  it('a cut at every single offset changes nothing', () => {
    const text =
      ' {"a":"\\\\\\"}","mod\\u0065l" : "n\\"ä😀\\u00e4/\\/", "b":[{"model":"x"}, "]"] , "model":1.5e-3}\n';
    const bytes = Buffer.from(text);
    const whole = scanPieces([bytes]);
    assert.deepEqual(
      whole.found.map((value) => value.text),
      ['n"ä😀ä//'],
    );
    for (let at = 0; at <= bytes.length; at++) {
      const { scanner, found } = scanPieces([bytes.subarray(0, at), bytes.subarray(at)]);
      assert.deepEqual(found, whole.found, `cut at ${at}`);
      assert.equal(scanner.isComplete, true, `cut at ${at}`);
      assert.equal(scanner.otherValues, 1, `cut at ${at}`);
    }
    const bytewise = scanPieces([...bytes].map((byte) => Buffer.of(byte)));
    assert.deepEqual(bytewise.found, whole.found);
    assert.equal(bytewise.scanner.isComplete, true);
  });

  it('no proper beginning of an object is complete', () => {
    fc.assert(
      fc.property(members, seed, fc.double({ min: 0, max: 1, noNaN: true }), (list, spelling, share) => {
        const { bytes } = objectText(list, 'model', spelling);
        const text = bytes.toString('latin1').trimEnd();
        const end = Math.floor(share * (text.length - 1));
        assert.equal(scanPieces([Buffer.from(text.slice(0, end), 'latin1')]).scanner.isComplete, false);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('a damaged object counts as complete only while its top level is still one', () => {
    const structural = fc.constantFrom(...'{}[]":,\\ \n0-+.eEtx'.split('').map((c) => c.charCodeAt(0)));
    const edit = fc.record({
      share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      remove: fc.nat(2),
      insert: fc.array(fc.oneof({ weight: 4, arbitrary: structural }, fc.nat(255)), { maxLength: 2 }),
    });
    let parsed = 0;
    fc.assert(
      fc.property(
        members,
        seed,
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        arbitraryCuts,
        (list, spelling, edits, cuts) => {
          let { bytes } = objectText(list, 'model', spelling);
          for (const { share, remove, insert } of edits) {
            const at = Math.floor(share * (bytes.length + 1));
            bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(insert), bytes.subarray(at + remove)]);
          }
          const { scanner } = scanPieces(cut(bytes, cuts));
          const text = bytes.toString('latin1');
          if (scanner.isComplete) assert.ok(isObjectAtTheTop(text), text);
          if (isJson(bytes.toString()) && text.trimStart().startsWith('{')) {
            parsed++;
            assert.ok(scanner.isComplete, text);
          }
        },
      ),
      { numRuns: propertyRuns(20_000) },
    );
    assert.ok(parsed > 10, 'hardly any damaged text was still JSON: the test shows too little');
  });

  for (const text of [
    '',
    ' ',
    'null',
    '"model"',
    '[{"model":"a"}]',
    '{"model":"a"',
    '{"model":"a}',
    '{"model":"a",}',
    '{,"model":"a"}',
    '{"model" "a"}',
    '{"model":"a" "b":1}',
    '{"model":"a"}}',
    '{"model":"a"}{"model":"b"}',
    '{"model":"a"} x',
    '{model:"a"}',
    "{'model':'a'}",
    '{"a":tru,"model":"a"}',
    '{"a":01,"model":"a"}',
    '{"a":1.,"model":"a"}',
    '{"a":- 1,"model":"a"}',
    '{"a":NaN,"model":"a"}',
    '{"a":[1}],"model":"a"}',
    '{"a":{"b":1],"model":"a"}',
    '{"a":,"model":"a"}',
    '{"a"}',
    '{"model":"\\x"}',
    '{"model":"\\u12"}',
    '{"model":"a\nb"}',
    '\ufeff{"model":"a"}',
  ]) {
    it(`does not take ${JSON.stringify(text)} for a whole object`, () => {
      assert.equal(scanText(text).scanner.isComplete, false);
    });
  }

  it('a key is compared after unescaping, and near misses are other keys', () => {
    assert.deepEqual(
      scanText('{"\\u006d\\u006f\\u0064\\u0065\\u006c":"a"}').found.map(({ text }) => text),
      ['a'],
    );
    for (const key of ['Model', 'model ', 'mode', 'models', '\\"model', 'mod\\\\u0065l', '\\x6dodel']) {
      assert.deepEqual(scanText(`{"${key}":"a"}`).found, [], key);
    }
  });

  it('nesting is followed to a thousand brackets and refused beyond', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"model":"m"}`;
    assert.equal(scanText(nested(1_000)).found.length, 1);
    assert.equal(scanText(nested(1_001)).scanner.isBroken, true);
  });

  it('a value longer than any name is given up, not collected', () => {
    const text = (length: number): string => `{"model":"${'m'.repeat(length)}"}`;
    assert.equal(scanText(text(65_536)).found[0]?.text.length, 65_536);
    assert.equal(scanText(text(65_537)).scanner.isBroken, true);
  });

  it('a long string full of escapes and without quotes is searched once, not once per escape', () => {
    let searched = 0;
    class CountedBytes extends Uint8Array {
      override indexOf(byte: number, from = 0): number {
        const at = super.indexOf(byte, from);
        searched += (at === -1 ? this.length : at) - from;
        return at;
      }
    }
    const bytes = CountedBytes.from(Buffer.from(`{"messages":"${'\\n'.repeat(20_000)}"}`));
    const scanner = new TopLevelMember('model');
    scanner.scan(bytes as unknown as Buffer);
    assert.equal(scanner.isComplete, true);
    assert.ok(searched >= bytes.length / 2, 'the search was not counted');
    assert.ok(searched <= 3 * bytes.length, `${searched} bytes searched in ${bytes.length}`);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { propertyRuns } from '#test/runs.js';
import { wrapText } from './wrapText.js';

function wrapped(pieces: readonly string[], columns: number): string {
  let out = '';
  const print = wrapText(
    (text) => {
      out += text;
    },
    { indent: '  ', columns },
  );
  for (const piece of pieces) print(piece);
  return out;
}

test('breaks where a word would cross the edge, and indents every line', () => {
  assert.equal(wrapped(['one', ' two', ' three'], 10), '  one two\n  three');
});

test('goes on with a word whose rest comes later', () => {
  assert.equal(wrapped(['one', ' tw', 'o'], 20), '  one two');
});

test('keeps the line ends of the text', () => {
  assert.equal(wrapped(['one\ntwo\n\nthree'], 20), '  one\n  two\n\n  three');
});

test('changes nothing but white space, and no line of short words crosses the edge', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), fc.integer({ min: 12, max: 40 }), (words, columns) => {
      const out = wrapped(
        words.map((text, at) => (at === 0 ? text : ` ${text}`)),
        columns,
      );
      assert.deepEqual(out.split(/\s+/).filter(Boolean), words);
      assert.ok(out.split('\n').every((line) => line.length <= columns));
    }),
    { numRuns: propertyRuns(500) },
  );
});

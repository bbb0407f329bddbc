import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printableText } from '#src/lib/printableText.js';

test('shows what would move the cursor or turn the writing', () => {
  assert.equal(printableText('a\x1b[2Jb\u202ec\r\n'), 'a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{a}');
  assert.equal(printableText('Grüße, 世界 🎉'), 'Grüße, 世界 🎉');
});

test('cuts what is too long, with a mark', () => {
  assert.equal(printableText('abcdef', 3), 'abc…');
  assert.equal(printableText('abc', 3), 'abc');
});

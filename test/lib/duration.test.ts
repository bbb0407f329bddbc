import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '#src/lib/duration.js';
import { propertyRuns } from '#test/runs.js';

test('reads the single and compound forms of Go', () => {
  const cases: Record<string, number> = {
    '250ms': 250,
    '5s': 5_000,
    '1m': 60_000,
    '2h': 7_200_000,
    '1m30s': 90_000,
    '1.5h': 5_400_000,
    '1h2m3s4ms': 3_723_004,
    '.5s': 500,
    '1.s': 1_000,
    '0s': 0,
    '0': 0,
    '+5s': 5_000,
    '1500us': 2,
    '1000\u00b5s': 1,
    '3000\u03bcs': 3,
    '2000000ns': 2,
    '0.1s': 100,
    '1s1s': 2_000,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDuration(text), ms, text);
});

test('rounds less than a millisecond up, so that it never becomes the 0 that means off', () => {
  assert.equal(parseDuration('1ns'), 1);
  assert.equal(parseDuration('0.0001s'), 1);
});

test('refuses what is no duration, is negative or is longer than Go can hold', () => {
  const refused = [
    '',
    '5',
    '-5s',
    '+',
    's',
    '.s',
    '5 s',
    ' 5s',
    '5s ',
    '5S',
    '5sec',
    '1d',
    'NaN',
    'Infinity',
    '1e3s',
    '--5s',
    '5s-',
    '2562048h',
    `${'9'.repeat(60)}h`,
    `${'1s'.repeat(40)}`,
  ];
  for (const text of refused) assert.equal(parseDuration(text), undefined, text);
  assert.equal(parseDuration('2562047h'), 9_223_369_200_000);
});

test('a printed duration reads back as itself', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2_147_483_647 }), (ms) => parseDuration(formatDuration(ms)) === ms),
    { numRuns: propertyRuns(2_000) },
  );
});

test('reads any sum of whole parts as their sum', () => {
  const msPerUnit = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  const part = fc.tuple(fc.nat({ max: 9_999 }), fc.constantFrom('h', 'm', 's', 'ms'));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([count, unit]) => `${count}${unit}`).join('');
      const sum = parts.reduce((total, [count, unit]) => total + count * msPerUnit[unit as 'h'], 0);
      assert.equal(parseDuration(text), sum);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test('any text is a non-negative whole number of milliseconds or refused', () => {
  const text = fc.string({ unit: fc.constantFrom(...'0123456789.-+nuµmsh eE') });
  fc.assert(
    fc.property(text, (candidate) => {
      const ms = parseDuration(candidate);
      return ms === undefined || (Number.isSafeInteger(ms) && ms >= 0);
    }),
    { numRuns: propertyRuns(5_000) },
  );
});

test('prints the shortest compound form', () => {
  assert.equal(formatDuration(0), '0s');
  assert.equal(formatDuration(250), '250ms');
  assert.equal(formatDuration(90_000), '1m30s');
  assert.equal(formatDuration(86_400_000), '24h');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatByteSize, parseByteSize } from '#src/lib/byteSize.js';
import { propertyRuns } from '#test/runs.js';

test('reads sizes with 1 kb = 1024 bytes, in any letter case, and plain bytes', () => {
  const cases: Record<string, number> = {
    '512kb': 524_288,
    '10mb': 10_485_760,
    '1gb': 1_073_741_824,
    '1tb': 1_099_511_627_776,
    '10MB': 10_485_760,
    '10 MiB': 10_485_760,
    '4k': 4_096,
    '1.5mb': 1_572_864,
    '100': 100,
    '100b': 100,
    '0': 0,
  };
  for (const [text, bytes] of Object.entries(cases)) assert.equal(parseByteSize(text), bytes, text);
});

test('refuses what is no size or cannot be counted exactly', () => {
  const refused = [
    '',
    'mb',
    '-1',
    '-1mb',
    '1.5',
    '1.5b',
    '1e3',
    '10 xb',
    'NaN',
    '1pb',
    '10  mb',
    '1mb ',
    '0x10',
    '9007199254740992',
    '9999999999tb',
  ];
  for (const text of refused) assert.equal(parseByteSize(text), undefined, text);
});

test('a printed size reads back as itself', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => parseByteSize(formatByteSize(bytes)) === bytes),
    { numRuns: propertyRuns(2_000) },
  );
  fc.assert(
    fc.property(fc.nat({ max: 1_000 }), fc.nat({ max: 4 }), (count, power) => {
      return parseByteSize(formatByteSize(count * 1024 ** power)) === count * 1024 ** power;
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test('prints the largest unit without a fraction', () => {
  assert.equal(formatByteSize(10_485_760), '10mb');
  assert.equal(formatByteSize(1_000), '1000b');
  assert.equal(formatByteSize(0), '0b');
});

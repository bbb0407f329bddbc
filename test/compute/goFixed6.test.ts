import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { maxFixed6Bytes, writeGoFixed6 } from '#src/compute/goFixed6.js';
import { NodeError } from '#src/errors/nodeError.js';
import { propertyRuns } from '#test/runs.js';
import { goText } from './goText.js';

const offset = 3;
const target = Buffer.alloc(offset + maxFixed6Bytes + 1);

function written(value: number): string {
  target.fill(0xff);
  const end = writeGoFixed6(value, target, offset);
  assert.ok(
    target.subarray(0, offset).every((byte) => byte === 0xff),
    'nothing before the offset',
  );
  assert.ok(end - offset <= maxFixed6Bytes && target[end] === 0xff, 'nothing behind the end');
  return target.toString('latin1', offset, end);
}

const bitsOf = new DataView(new ArrayBuffer(8));
function fromBits(bits: bigint): number {
  bitsOf.setBigUint64(0, bits);
  return bitsOf.getFloat64(0);
}
function neighbour(value: number, steps: bigint): number {
  bitsOf.setFloat64(0, value);
  return fromBits(BigInt.asUintN(64, bitsOf.getBigUint64(0) + steps));
}

/** Any double by its bits: subnormal, huge and tiny ones as often as others. */
const anyDouble = fc
  .bigInt({ min: 0n, max: 2n ** 64n - 1n })
  .map(fromBits)
  .filter(Number.isFinite);
/** Odd multiples of 1/128, the only numbers half way between two of six places. */
const tie = fc
  .oneof(fc.integer({ min: -500, max: 500 }), fc.maxSafeInteger())
  .map((k) => (2 * Math.trunc(k / 4) + 1) / 128);
/** Closest to a half of the last place. */
const nearHalf = fc
  .tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -3, max: 3 }))
  .map(([k, steps]) => neighbour((k + 0.5) / 1e6, BigInt(steps)));
/** What cells are. */
const ordinary = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }),
  fc.maxSafeInteger().map((k) => k / 1e6),
);

describe('printing a number as Go does', () => {
  for (const [value, expected] of [
    [0, '0.000000'],
    [-0, '-0.000000'],
    [-1e-9, '-0.000000'],
    [0.0078125, '0.007812'],
    [0.0234375, '0.023438'],
    [-0.0078125, '-0.007812'],
    [5e-7, '0.000000'],
    [neighbour(5e-7, 1n), '0.000001'],
    [19, '19.000000'],
    [-43, '-43.000000'],
    [999.9999996, '1000.000000'],
    [0.9999995, '1.000000'],
    [1e21, '1000000000000000000000.000000'],
    [2 ** 53, '9007199254740992.000000'],
    [2 ** 53 - 1, '9007199254740991.000000'],
    [4_503_599_627_370_495.5, '4503599627370495.500000'],
    [-1e15, '-1000000000000000.000000'],
    [5e-324, '0.000000'],
  ] as const) {
    it(`prints ${Object.is(value, -0) ? '-0' : value} as ${expected}`, () => {
      assert.equal(written(value), expected);
      assert.equal(goText(value), expected);
    });
  }

  it('prints the largest number in full', () => {
    const text = written(-Number.MAX_VALUE);
    assert.equal(text.length, maxFixed6Bytes);
    assert.equal(text, goText(-Number.MAX_VALUE));
    assert.equal(written(1e300).slice(0, 20), '10000000000000000525');
  });

  for (const [what, numbers] of Object.entries({
    'every double': anyDouble,
    'ties and their neighbours': fc
      .tuple(tie, fc.integer({ min: -2, max: 2 }))
      .map(([value, steps]) => neighbour(value, BigInt(steps))),
    'what is nearest to a half of the last place': nearHalf,
    'ordinary numbers': ordinary,
  })) {
    it(`prints ${what} as exact arithmetic does`, () => {
      fc.assert(
        fc.property(numbers, (value) => {
          assert.equal(written(value), goText(value));
        }),
        { numRuns: propertyRuns(100_000) },
      );
    });
  }

  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it(`refuses ${value}`, () => {
      assert.throws(
        () => written(value),
        (error) =>
          error instanceof NodeError && error.code === 'invalid_payload' && /overflows/.test(error.message),
      );
    });
  }
});

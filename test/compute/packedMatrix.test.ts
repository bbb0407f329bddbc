import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { packMatrix } from '#src/compute/packedMatrix.js';
import { NodeError } from '#src/errors/nodeError.js';

const messageOf = (value: unknown, maxSize = 4): string => {
  try {
    packMatrix(value, 'A', maxSize);
  } catch (thrown) {
    assert.ok(thrown instanceof NodeError);
    assert.equal(thrown.code, 'invalid_payload');
    return thrown.message;
  }
  return assert.fail('it was taken');
};

describe('a matrix of a payload', () => {
  it('is packed row by row', () => {
    const { rows, columns, values } = packMatrix(
      [
        [1, 2, 3],
        [4, 5, -0.5],
      ],
      'A',
      4,
    );
    assert.deepEqual([rows, columns], [2, 3]);
    assert.deepEqual([...values], [1, 2, 3, 4, 5, -0.5]);
    assert.ok(values.buffer instanceof SharedArrayBuffer);
  });

  it('is refused with its place when it is none', () => {
    const wrong: readonly [unknown, RegExp][] = [
      [[], /A must be a list of rows/],
      [{}, /A must be a list of rows/],
      ['[[1]]', /A must be a list of rows/],
      [null, /A must be a list of rows/],
      [[[]], /A\[0\] must be a list of numbers/],
      [[1, 2], /A\[0\] must be a list of numbers/],
      [[[1, 2], [3]], /A\[1\] must be a list of 2 numbers/],
      [[[1], [2], 'x'], /A\[2\] must be a list of 1 numbers/],
      [[[1], [null]], /A\[1\]\[0\] must be a finite number/],
      [[[1, '2']], /A\[0\]\[1\] must be a finite number/],
      // What JSON.parse makes of 1e999.
      [[[Number.POSITIVE_INFINITY]], /A\[0\]\[0\] must be a finite number/],
      [[[Number.NaN]], /A\[0\]\[0\] must be a finite number/],
      [[[1], [1], [1], [1], [1]], /5 rows; at most 4/],
      [[[1, 1, 1, 1, 1]], /5 columns; at most 4/],
    ];
    for (const [value, expected] of wrong) assert.match(messageOf(value), expected, JSON.stringify(value));
  });

  it('never throws anything but a refusal, and never takes what is not a matrix', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          const { rows, columns, values } = packMatrix(value, 'A', 10);
          assert.deepEqual(
            value,
            Array.from({ length: rows }, (_, i) => [...values.subarray(i * columns, (i + 1) * columns)]),
          );
        } catch (thrown) {
          assert.ok(thrown instanceof NodeError && thrown.code === 'invalid_payload', String(thrown));
        }
      }),
    );
  });
});

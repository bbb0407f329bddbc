/** The O(n²) check of rows, beside plain loops and big integers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NodeError } from '#src/errors/nodeError.js';
import { checkRows } from '#src/verifier/checkRows.js';
import { fieldPrime, RowArithmetic, vectorBytes } from '#src/verifier/rowArithmetic.js';
import { plainProduct, rowBytes } from './scriptedProver.js';

const modulo = (value: bigint): bigint => ((value % fieldPrime) + fieldPrime) % fieldPrime;

/** The vector that its bytes stand for: four arrays of int16, lowest limb first. */
function vectorOf(limbs: Int16Array, columns: number): bigint[] {
  return Array.from({ length: columns }, (_, column) =>
    [0, 1, 2, 3].reduce(
      (sum, limb) => sum + (BigInt(limbs[limb * columns + column]!) << BigInt(16 * limb)),
      0n,
    ),
  );
}

const dot = (left: Iterable<number>, right: readonly bigint[]): bigint => {
  let sum = 0n;
  let at = 0;
  for (const value of left) sum += BigInt(value) * right[at++]!;
  return modulo(sum);
};

const bytesOfArray = (array: Int16Array | Int32Array | Int8Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const add = (cells: Int32Array, at: number, by: number): void => {
  cells[at] = cells[at]! + by;
};

/** Mostly any value, often one at the end of the range. */
const extreme = (min: number, max: number) =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, -1, 0, 1));

const limbValue = extreme(-32_768, 32_767);
/** As bytes of the keystream come: 0x80 means 0. */
const inputValue = extreme(-128, 127);
const cellValue = extreme(-(2 ** 31), 2 ** 31 - 1);
const array = (value: fc.Arbitrary<number>, length: number) =>
  fc.array(value, { minLength: length, maxLength: length });

describe('the arithmetic modulo 2^61 − 1', () => {
  const arithmetic = new RowArithmetic();

  it('is that of big integers, whatever the values', () => {
    const problem = fc.integer({ min: 1, max: 40 }).chain((columns) =>
      fc.record({
        columns: fc.constant(columns),
        limbs: array(limbValue, columns * 4),
        matrix: array(inputValue, columns * columns),
        row: array(inputValue, columns),
        cells: array(cellValue, columns),
      }),
    );
    fc.assert(
      fc.property(problem, ({ columns, limbs, matrix, row, cells }) => {
        const limbArray = Int16Array.from(limbs);
        const r = vectorOf(limbArray, columns);
        const vector = arithmetic.load(columns, bytesOfArray(limbArray));
        const bytes = bytesOfArray(Int8Array.from(matrix));
        vector.multiplyMatrix((offset, target) => target.set(bytes.subarray(offset, offset + target.length)));
        const values = (some: readonly number[]) => some.map((value) => (value === -128 ? 0 : value));
        const product = r.map((_, i) => dot(values(matrix.slice(i * columns, (i + 1) * columns)), r));
        assert.deepEqual(
          r.map((_, i) => vector.productAt(i)),
          product,
        );
        const rowTarget = vector.timesProduct((target) => target.set(bytesOfArray(Int8Array.from(row))));
        assert.equal(rowTarget, dot(values(row), product));
        assert.equal(vector.timesVector(bytesOfArray(Int32Array.from(cells))), dot(cells, r));
      }),
    );
  });

  // Just below, at and above the columns after which sums are emptied, and not a multiple of the vector's width.
  for (const columns of [2_047, 2_048, 2_049, 4_100, 133_144]) {
    it(`overflows nowhere with ${columns} columns of the largest values`, () => {
      for (const limb of [-32_768, 32_767]) {
        for (const [value, cell] of [
          [-127, -(2 ** 31)],
          [127, 2 ** 31 - 1],
        ] as const) {
          const limbs = new Int16Array(columns * 4).fill(limb);
          const element = vectorOf(limbs, columns)[0]!;
          const vector = arithmetic.load(columns, bytesOfArray(limbs));
          const cells = new Int32Array(columns).fill(cell);
          const byColumns = BigInt(columns) * element;
          assert.equal(vector.timesVector(bytesOfArray(cells)), modulo(byColumns * BigInt(cell)));
          if (columns > 5_000) continue;
          vector.multiplyMatrix((_, target) => target.fill(value));
          const product = modulo(byColumns * BigInt(value));
          assert.equal(vector.productAt(0), product);
          assert.equal(vector.productAt(columns - 1), product);
          const row = vector.timesProduct((target) => target.fill(value));
          assert.equal(row, modulo(BigInt(columns) * product * BigInt(value)));
        }
      }
    });
  }

  it('keeps its place for each byte: rows in pieces are the rows in one', () => {
    const columns = 700;
    const limbs = Int16Array.from({ length: columns * 4 }, (_, i) => (i * 7_919) % 65_536);
    const bytes = Uint8Array.from({ length: columns * columns }, (_, i) => (i * 31 + (i >> 9)) % 251);
    const r = vectorOf(limbs, columns);
    const vector = arithmetic.load(columns, bytesOfArray(limbs));
    const offsets: number[] = [];
    vector.multiplyMatrix((offset, target) => {
      offsets.push(offset);
      target.set(bytes.subarray(offset, offset + target.length));
    });
    assert.ok(offsets.length > 1, 'one piece took it all');
    for (let i = 0; i < columns; i++) {
      const row = new Int8Array(bytes.buffer, i * columns, columns).map((value) =>
        value === -128 ? 0 : value,
      );
      assert.equal(vector.productAt(i), dot(row, r));
    }
  });
});

describe('checking rows of a product', () => {
  const keyA = new Uint8Array(32).fill(3);
  const keyB = new Uint8Array(32).fill(4);
  const size = 48;
  const cells = plainProduct(keyA, keyB, size);
  const rowsOf = (product: Int32Array, indices: readonly number[]) =>
    indices.map((index) => rowBytes(product, size, index));
  const all = Array.from({ length: size }, (_, index) => index);

  it('finds right rows right, in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(all), (indices) => {
        assert.deepEqual(checkRows({ keyA, keyB, size, indices, rows: rowsOf(cells, indices) }), []);
      }),
    );
  });

  it('finds exactly the rows in which a cell is wrong', () => {
    const lie = fc.record({
      indices: fc.shuffledSubarray(all, { minLength: 1 }),
      wrong: fc.array(fc.record({ row: fc.nat(size - 1), column: fc.nat(size - 1), by: cellValue })),
    });
    fc.assert(
      fc.property(lie, ({ indices, wrong }) => {
        const spoiled = cells.slice();
        for (const { row, column, by } of wrong) add(spoiled, row * size + column, by);
        const expected = indices.filter((index) =>
          all.some((column) => spoiled[index * size + column] !== cells[index * size + column]),
        );
        assert.deepEqual(checkRows({ keyA, keyB, size, indices, rows: rowsOf(spoiled, indices) }), expected);
      }),
    );
  });

  it('finds errors that are multiples of 31-bit primes, and errors that cancel in a sum', () => {
    for (const errors of [
      [2_147_483_647],
      [2_147_483_629, -2_147_483_629],
      [2_147_483_647, -2_147_483_647],
      [1, -1],
      [2 ** 31, 2 ** 31],
    ]) {
      const spoiled = cells.slice();
      for (const [at, by] of errors.entries()) add(spoiled, 5 * size + at, by);
      assert.deepEqual(checkRows({ keyA, keyB, size, indices: [4, 5], rows: rowsOf(spoiled, [4, 5]) }), [5]);
    }
  });

  it('finds a row that stands for another one', () => {
    assert.deepEqual(checkRows({ keyA, keyB, size, indices: [1, 2], rows: rowsOf(cells, [2, 1]) }), [1, 2]);
  });

  it('draws a vector anew for every check: a lie made for one vector does not fit the next', () => {
    // r = 1 in the first two columns, so errors that add up to nothing there pass, as they would if r were known.
    const known = new Uint8Array(vectorBytes(size));
    new Int16Array(known.buffer).fill(1, 0, 2);
    const spoiled = cells.slice();
    add(spoiled, 0, 1);
    add(spoiled, 1, -1);
    const question = { keyA, keyB, size, indices: [0], rows: rowsOf(spoiled, [0]) };
    assert.deepEqual(checkRows({ ...question, random: () => known }), []);
    assert.deepEqual(checkRows(question), [0]);
  });

  it('refuses rows of another length, and a size beyond the exact ones', () => {
    const isRefused = (thrown: unknown) => thrown instanceof NodeError && thrown.code === 'internal_error';
    const question = { keyA, keyB, size, indices: [0], rows: rowsOf(cells, [0]) };
    assert.throws(() => checkRows({ ...question, rows: [new Uint8Array(size)] }), isRefused);
    assert.throws(() => checkRows({ ...question, rows: [] }), isRefused);
    assert.throws(() => checkRows({ ...question, size: 133_145 }), isRefused);
  });
});

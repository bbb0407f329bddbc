/**
 * Rows times a secret vector modulo 2^61 − 1, exactly: the arithmetic of the verifier's check (AssemblyScript,
 * loaded by `rowArithmetic.ts`).
 *
 * A vector element is v = l0 + l1·2^16 + l2·2^32 + l3·2^48 with limbs that are int16, so a row times the vector is
 * four sums of int8 × int16 products, which SIMD makes eight at a time. A vector lies in memory as four arrays of
 * int16, one a limb, each padded with zeros to a multiple of 16 columns; whatever stands behind the end of a row
 * therefore counts nothing.
 *
 * No sum can overflow:
 *   one product of a value and a limb       |127 · 2^15|                 < 2^22
 *   int32 lane after 2,048 columns          128 steps · 4 · 127 · 2^15   = 2,130,706,432 < 2^31
 *   int64 sum of a row of 133,144 columns   133,144 · 127 · 2^15         < 2^40
 *   one product of a cell and a limb        |2^31 · 2^15|                = 2^46
 *   int64 sum of 65,536 such products                                    = 2^62
 */

const prime: u64 = (1 << 61) - 1;
const limbBits: u64 = 16;
const stepColumns: i32 = 16;
/** Columns until the int32 lanes must be emptied. */
const laneColumns: i32 = 2048;
/** Cells until an int64 sum must be reduced. */
const sumColumns: i32 = 65536;

// @ts-ignore: decorator
@inline function paddedColumns(columns: i32): i32 {
  return (columns + stepColumns - 1) & ~(stepColumns - 1);
}

// @ts-ignore: decorator
@inline function residue(sum: i64): u64 {
  const rest = sum % <i64>prime;
  return <u64>(rest < 0 ? rest + <i64>prime : rest);
}

/** x · 2^bits: modulo 2^61 − 1 that is a rotation of 61 bits. */
// @ts-ignore: decorator
@inline function shifted(x: u64, bits: u64): u64 {
  return ((x << bits) & prime) | (x >> (61 - bits));
}

// @ts-ignore: decorator
@inline function combined(sum0: i64, sum1: i64, sum2: i64, sum3: i64): u64 {
  const total =
    residue(sum0) +
    shifted(residue(sum1), limbBits) +
    shifted(residue(sum2), 2 * limbBits) +
    shifted(residue(sum3), 3 * limbBits);
  return total % prime;
}

/** Adds the four int32 lanes to the two int64 lanes. */
// @ts-ignore: decorator
@inline function emptied(total: v128, lanes: v128): v128 {
  return i64x2.add(
    total,
    i64x2.add(i64x2.extend_low_i32x4_s(lanes), i64x2.extend_high_i32x4_s(lanes)),
  );
}

// @ts-ignore: decorator
@inline function both(total: v128): i64 {
  return i64x2.extract_lane(total, 0) + i64x2.extract_lane(total, 1);
}

// @ts-ignore: decorator
@inline function products(low: v128, high: v128, limbs: usize): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(low, v128.load(limbs)),
    i32x4.dot_i16x8_s(high, v128.load(limbs, 16)),
  );
}

/**
 * Rows of raw keystream bytes (0x80 means 0) times the vector at `limbs`.
 * @param values rows one behind the other; 15 bytes behind the last are read
 * @param results one u64 a row, below the prime
 */
export function multiplyValues(values: usize, rows: i32, columns: i32, limbs: usize, results: usize): void {
  const padded = paddedColumns(columns);
  const stride = <usize>padded * 2;
  const zeroByte = i8x16.splat(-128);
  for (let row: i32 = 0; row < rows; row++) {
    let total0 = i64x2.splat(0);
    let total1 = i64x2.splat(0);
    let total2 = i64x2.splat(0);
    let total3 = i64x2.splat(0);
    for (let from: i32 = 0; from < padded; from += laneColumns) {
      const to = min(from + laneColumns, padded);
      let lanes0 = i32x4.splat(0);
      let lanes1 = i32x4.splat(0);
      let lanes2 = i32x4.splat(0);
      let lanes3 = i32x4.splat(0);
      for (let column = from; column < to; column += stepColumns) {
        const bytes = v128.load(values + column);
        const exact = v128.and(bytes, i8x16.ne(bytes, zeroByte));
        const low = i16x8.extend_low_i8x16_s(exact);
        const high = i16x8.extend_high_i8x16_s(exact);
        const at = limbs + (<usize>column << 1);
        lanes0 = i32x4.add(lanes0, products(low, high, at));
        lanes1 = i32x4.add(lanes1, products(low, high, at + stride));
        lanes2 = i32x4.add(lanes2, products(low, high, at + 2 * stride));
        lanes3 = i32x4.add(lanes3, products(low, high, at + 3 * stride));
      }
      total0 = emptied(total0, lanes0);
      total1 = emptied(total1, lanes1);
      total2 = emptied(total2, lanes2);
      total3 = emptied(total3, lanes3);
    }
    store<u64>(results, combined(both(total0), both(total1), both(total2), both(total3)));
    values += columns;
    results += 8;
  }
}

// @ts-ignore: decorator
@inline function sumOfCells(cells: usize, from: i32, to: i32, limb: usize): i64 {
  let sum: i64 = 0;
  for (let column = from; column < to; column++) {
    sum += <i64>load<i32>(cells + (<usize>column << 2)) * <i64>load<i16>(limb + (<usize>column << 1));
  }
  return sum;
}

/** One row of int32 cells, of any value, times the vector at `limbs`; below the prime. */
export function multiplyCells(cells: usize, columns: i32, limbs: usize): u64 {
  const stride = <usize>paddedColumns(columns) * 2;
  let total: u64 = 0;
  for (let from: i32 = 0; from < columns; from += sumColumns) {
    const to = min(from + sumColumns, columns);
    const part = combined(
      sumOfCells(cells, from, to, limbs),
      sumOfCells(cells, from, to, limbs + stride),
      sumOfCells(cells, from, to, limbs + 2 * stride),
      sumOfCells(cells, from, to, limbs + 3 * stride),
    );
    total = (total + part) % prime;
  }
  return total;
}

/** Writes u64 values below the prime as a vector of limbs. */
export function splitIntoLimbs(values: usize, columns: i32, limbs: usize): void {
  const padded = paddedColumns(columns);
  const stride = <usize>padded * 2;
  for (let column: i32 = 0; column < padded; column++) {
    const at = limbs + (<usize>column << 1);
    let rest: i64 = column < columns ? <i64>load<u64>(values + (<usize>column << 3)) : 0;
    for (let limb: usize = 0; limb < 3; limb++) {
      const digit = <i64>(<i16>rest);
      store<i16>(at + limb * stride, <i16>digit);
      rest = (rest - digit) >> limbBits;
    }
    // Below 2^61, so what is left lies in 0 … 2^13.
    store<i16>(at + 3 * stride, <i16>rest);
  }
}

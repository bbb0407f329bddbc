/**
 * The int8 kernel of proof mode (AssemblyScript, compiled to WASM SIMD): packs both inputs and multiplies them into
 * exact int32 sums. Both packed forms keep two neighbours of k side by side, because `i32x4.dot_i16x8_s` multiplies
 * pairs and adds each pair:
 *
 *   B  panels of 8 columns:  pair 0: b(0,j) b(1,j) b(0,j+1) b(1,j+1) … 16 bytes   pair 1: …
 *   A  groups of 4 rows:     pair 0: a(i,0) a(i,1) a(i+1,0) a(i+1,1) … 8 × int16  pair 1: …
 *
 * B stays int8, which halves what a large matrix needs; the multiplier widens it while it loads. The byte 0x80 means
 * 0 in both inputs. The caller lays out the memory; nothing here checks a bound but the memory's own.
 */

/** 0x80 becomes 0. */
@inline
function clean(bytes: v128): v128 {
  return v128.andnot(bytes, i8x16.eq(bytes, i8x16.splat(-128)));
}

/**
 * @param source rows of B, `stride` bytes apart; `pairs` × 2 rows, readable 8 bytes beyond the last
 * @param target of the first panel; panels are `panelBytes` apart
 * @param pairs a multiple of 4
 */
export function packB(
  source: usize,
  stride: usize,
  pairs: i32,
  panels: i32,
  target: usize,
  panelBytes: usize,
): void {
  // Four pairs fill a cache line of the target, and eight rows at once still fit the ways of the first cache.
  for (let pair = 0; pair < pairs; pair += 4) {
    let from = source + <usize>(pair * 2) * stride;
    let to = target + <usize>(pair * 16);
    for (let panel = 0; panel < panels; panel++) {
      let row = from;
      for (let at = 0; at < 64; at += 16) {
        const upper = v128.load_zero<i64>(row);
        const lower = v128.load_zero<i64>(row + stride);
        const mixed = i8x16.shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        v128.store(to + <usize>at, clean(mixed));
        row += 2 * stride;
      }
      from += 8;
      to += panelBytes;
    }
  }
}

/** Four neighbours of k of one row, widened. */
@inline
function widened(bytes: usize): v128 {
  return i16x8.extend_low_i8x16_s(clean(v128.load_zero<i64>(bytes)));
}

/**
 * @param source rows of A, `stride` bytes apart; `groups` × 4 rows, each readable up to `pairs` × 2 bytes
 * @param pairs a multiple of 4
 */
export function packA(source: usize, stride: usize, groups: i32, pairs: i32, target: usize): void {
  for (let group = 0; group < groups; group++) {
    const row0 = source + <usize>(group * 4) * stride;
    const row1 = row0 + stride;
    const row2 = row1 + stride;
    const row3 = row2 + stride;
    for (let pair = 0; pair < pairs; pair += 4) {
      const at = <usize>(pair * 2);
      const r0 = widened(row0 + at);
      const r1 = widened(row1 + at);
      const r2 = widened(row2 + at);
      const r3 = widened(row3 + at);
      const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(target, v128.shuffle<i64>(low01, low23, 0, 2));
      v128.store(target, v128.shuffle<i64>(low01, low23, 1, 3), 16);
      v128.store(target, v128.shuffle<i64>(high01, high23, 0, 2), 32);
      v128.store(target, v128.shuffle<i64>(high01, high23, 1, 3), 48);
      target += 64;
    }
  }
}

/**
 * Adds the product of one block of k to C, in tiles of 4 × 8 that stay in registers for the whole block.
 *
 * @param a the block's first pair of the first group; groups are `groupBytes` apart
 * @param b the block's first panel; panels are `pairs` × 16 bytes apart
 * @param c int32 rows, `rowBytes` apart
 */
export function multiply(
  a: usize,
  groupBytes: usize,
  b: usize,
  c: usize,
  rowBytes: usize,
  groups: i32,
  panels: i32,
  pairs: i32,
): void {
  const panelBytes = <usize>pairs * 16;
  for (let panel = 0; panel < panels; panel++) {
    const bEnd = b + panelBytes;
    for (let group = 0; group < groups; group++) {
      let ap = a + <usize>group * groupBytes;
      const c0 = c + <usize>(group * 4) * rowBytes + <usize>(panel * 32);
      const c1 = c0 + rowBytes;
      const c2 = c1 + rowBytes;
      const c3 = c2 + rowBytes;
      let s00 = v128.load(c0);
      let s01 = v128.load(c0, 16);
      let s10 = v128.load(c1);
      let s11 = v128.load(c1, 16);
      let s20 = v128.load(c2);
      let s21 = v128.load(c2, 16);
      let s30 = v128.load(c3);
      let s31 = v128.load(c3, 16);
      for (let bp = b; bp < bEnd; bp += 16, ap += 16) {
        const b0 = v128.load_ext<i8>(bp);
        const b1 = v128.load_ext<i8>(bp, 8);
        const a0 = v128.load_splat<i32>(ap);
        s00 = i32x4.add(s00, i32x4.dot_i16x8_s(a0, b0));
        s01 = i32x4.add(s01, i32x4.dot_i16x8_s(a0, b1));
        const a1 = v128.load_splat<i32>(ap, 4);
        s10 = i32x4.add(s10, i32x4.dot_i16x8_s(a1, b0));
        s11 = i32x4.add(s11, i32x4.dot_i16x8_s(a1, b1));
        const a2 = v128.load_splat<i32>(ap, 8);
        s20 = i32x4.add(s20, i32x4.dot_i16x8_s(a2, b0));
        s21 = i32x4.add(s21, i32x4.dot_i16x8_s(a2, b1));
        const a3 = v128.load_splat<i32>(ap, 12);
        s30 = i32x4.add(s30, i32x4.dot_i16x8_s(a3, b0));
        s31 = i32x4.add(s31, i32x4.dot_i16x8_s(a3, b1));
      }
      v128.store(c0, s00);
      v128.store(c0, s01, 16);
      v128.store(c1, s10);
      v128.store(c1, s11, 16);
      v128.store(c2, s20);
      v128.store(c2, s21, 16);
      v128.store(c3, s30);
      v128.store(c3, s31, 16);
    }
    b = bEnd;
  }
}

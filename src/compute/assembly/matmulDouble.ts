/**
 * The float64 kernel of the legacy mode (AssemblyScript, compiled to WASM SIMD). Every cell is summed with k
 * ascending, multiplication and addition rounded separately, as a plain loop does it: vectors lie over j, so the
 * order within a cell is the loop's. The caller packs:
 *
 *   B  panels of 4 columns:  b(0,j) … b(0,j+3)  b(1,j) … b(1,j+3)  …
 *   A  groups of 4 rows:     a(i,0) … a(i+3,0)  a(i,1) … a(i+3,1)  …
 *   C  tiles of 4 × 4, group by group, in each group panel by panel
 */

/** Adds the product of one block of k (`inner` long) to C. */
export function multiplyDouble(
  a: usize,
  b: usize,
  c: usize,
  groups: i32,
  panels: i32,
  inner: i32,
): void {
  const blockBytes = <usize>inner * 32;
  for (let panel = 0; panel < panels; panel++) {
    const bEnd = b + blockBytes;
    for (let group = 0; group < groups; group++) {
      let ap = a + <usize>group * blockBytes;
      const tile = c + <usize>(group * panels + panel) * 128;
      let s00 = v128.load(tile);
      let s01 = v128.load(tile, 16);
      let s10 = v128.load(tile, 32);
      let s11 = v128.load(tile, 48);
      let s20 = v128.load(tile, 64);
      let s21 = v128.load(tile, 80);
      let s30 = v128.load(tile, 96);
      let s31 = v128.load(tile, 112);
      for (let bp = b; bp < bEnd; bp += 32, ap += 32) {
        const b0 = v128.load(bp);
        const b1 = v128.load(bp, 16);
        const a0 = v128.load_splat<i64>(ap);
        s00 = f64x2.add(s00, f64x2.mul(a0, b0));
        s01 = f64x2.add(s01, f64x2.mul(a0, b1));
        const a1 = v128.load_splat<i64>(ap, 8);
        s10 = f64x2.add(s10, f64x2.mul(a1, b0));
        s11 = f64x2.add(s11, f64x2.mul(a1, b1));
        const a2 = v128.load_splat<i64>(ap, 16);
        s20 = f64x2.add(s20, f64x2.mul(a2, b0));
        s21 = f64x2.add(s21, f64x2.mul(a2, b1));
        const a3 = v128.load_splat<i64>(ap, 24);
        s30 = f64x2.add(s30, f64x2.mul(a3, b0));
        s31 = f64x2.add(s31, f64x2.mul(a3, b1));
      }
      v128.store(tile, s00);
      v128.store(tile, s01, 16);
      v128.store(tile, s10, 32);
      v128.store(tile, s11, 48);
      v128.store(tile, s20, 64);
      v128.store(tile, s21, 80);
      v128.store(tile, s30, 96);
      v128.store(tile, s31, 112);
    }
    b = bEnd;
  }
}

/**
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, https://www.aumasson.jp/siphash/siphash.pdf, and the
 * reference code beside it): a keyed hash for short inputs, whose words of 64 bits JavaScript has not. Runs on the
 * fronts; loaded by `sipHash.ts`.
 *
 *   1024   key: 16 bytes
 *   1040   digest: 16 bytes
 *   1056   input; behind its end are free bytes, up to the next whole word
 */

const keyAt: usize = 1024;
const digestAt: usize = 1040;
const inputAt: usize = 1056;

/** Hashes the first `length` bytes of the input. The state is local, because a global would be memory. */
export function hash(length: i32): void {
  const k0 = load<u64>(keyAt);
  const k1 = load<u64>(keyAt, 8);
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d ^ 0xee;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  const whole = inputAt + ((<usize>length) & ~7);
  for (let at = inputAt; at <= whole; at += 8) {
    let word = load<u64>(at);
    // The last word holds what is left over, below the length.
    if (at == whole) word = (word & (((<u64>1) << (((<u64>length) & 7) << 3)) - 1)) | ((<u64>length) << 56);
    v3 ^= word;
    for (let round = 0; round < 2; round++) {
      v0 += v1;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v0 = rotl<u64>(v0, 32);
      v2 += v3;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 += v3;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 += v1;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v2 = rotl<u64>(v2, 32);
    }
    v0 ^= word;
  }
  v2 ^= 0xee;
  for (let half: usize = 0; half < 16; half += 8) {
    for (let round = 0; round < 4; round++) {
      v0 += v1;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v0 = rotl<u64>(v0, 32);
      v2 += v3;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 += v3;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 += v1;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v2 = rotl<u64>(v2, 32);
    }
    store<u64>(digestAt + half, v0 ^ v1 ^ v2 ^ v3);
    v1 ^= 0xdd;
  }
}

/**
 * Keccak-256 as Ethereum hashes: the permutation keccak-f[1600] on lanes of 64 bits, which WebAssembly has and
 * JavaScript has not. Source: https://keccak.team/keccak_specs_summary.html. Runs wherever digests are made;
 * loaded by `keccak.ts`.
 *
 *   4096   state: 25 lanes, lane x + 5y
 *   8192   input: whole blocks of 17 lanes, padded by the caller
 */

const stateAt: usize = 4096;
const inputAt: usize = 8192;
const blockBytes: usize = 136;

const roundConstants = memory.data<u64>([
  0x0000000000000001,
  0x0000000000008082,
  0x800000000000808a,
  0x8000000080008000,
  0x000000000000808b,
  0x0000000080000001,
  0x8000000080008081,
  0x8000000000008009,
  0x000000000000008a,
  0x0000000000000088,
  0x0000000080008009,
  0x000000008000000a,
  0x000000008000808b,
  0x800000000000008b,
  0x8000000000008089,
  0x8000000000008003,
  0x8000000000008002,
  0x8000000000000080,
  0x000000000000800a,
  0x800000008000000a,
  0x8000000080008081,
  0x8000000000008080,
  0x0000000080000001,
  0x8000000080008008,
], 16);

@inline function lane(i: usize): u64 {
  return load<u64>(stateAt + (i << 3));
}

@inline function keep(i: usize, value: u64): void {
  store<u64>(stateAt + (i << 3), value);
}

@inline function word(at: usize, i: usize): u64 {
  return load<u64>(at + (i << 3));
}

/** Takes in `blocks` blocks of the input; the first of a message begins with an empty state. */
export function absorb(blocks: i32, isFirst: bool): void {
  let a00: u64 = 0;
  let a10: u64 = 0;
  let a20: u64 = 0;
  let a30: u64 = 0;
  let a40: u64 = 0;
  let a01: u64 = 0;
  let a11: u64 = 0;
  let a21: u64 = 0;
  let a31: u64 = 0;
  let a41: u64 = 0;
  let a02: u64 = 0;
  let a12: u64 = 0;
  let a22: u64 = 0;
  let a32: u64 = 0;
  let a42: u64 = 0;
  let a03: u64 = 0;
  let a13: u64 = 0;
  let a23: u64 = 0;
  let a33: u64 = 0;
  let a43: u64 = 0;
  let a04: u64 = 0;
  let a14: u64 = 0;
  let a24: u64 = 0;
  let a34: u64 = 0;
  let a44: u64 = 0;
  if (!isFirst) {
    a00 = lane(0);
    a10 = lane(1);
    a20 = lane(2);
    a30 = lane(3);
    a40 = lane(4);
    a01 = lane(5);
    a11 = lane(6);
    a21 = lane(7);
    a31 = lane(8);
    a41 = lane(9);
    a02 = lane(10);
    a12 = lane(11);
    a22 = lane(12);
    a32 = lane(13);
    a42 = lane(14);
    a03 = lane(15);
    a13 = lane(16);
    a23 = lane(17);
    a33 = lane(18);
    a43 = lane(19);
    a04 = lane(20);
    a14 = lane(21);
    a24 = lane(22);
    a34 = lane(23);
    a44 = lane(24);
  }
  const end = inputAt + (<usize>blocks) * blockBytes;
  for (let at = inputAt; at < end; at += blockBytes) {
    a00 ^= word(at, 0);
    a10 ^= word(at, 1);
    a20 ^= word(at, 2);
    a30 ^= word(at, 3);
    a40 ^= word(at, 4);
    a01 ^= word(at, 5);
    a11 ^= word(at, 6);
    a21 ^= word(at, 7);
    a31 ^= word(at, 8);
    a41 ^= word(at, 9);
    a02 ^= word(at, 10);
    a12 ^= word(at, 11);
    a22 ^= word(at, 12);
    a32 ^= word(at, 13);
    a42 ^= word(at, 14);
    a03 ^= word(at, 15);
    a13 ^= word(at, 16);
    for (let round: usize = 0; round < 192; round += 8) {
      // Theta: each column takes the parities of its two neighbours.
      const c0 = a00 ^ a01 ^ a02 ^ a03 ^ a04;
      const c1 = a10 ^ a11 ^ a12 ^ a13 ^ a14;
      const c2 = a20 ^ a21 ^ a22 ^ a23 ^ a24;
      const c3 = a30 ^ a31 ^ a32 ^ a33 ^ a34;
      const c4 = a40 ^ a41 ^ a42 ^ a43 ^ a44;
      const d0 = c4 ^ rotl<u64>(c1, 1);
      const d1 = c0 ^ rotl<u64>(c2, 1);
      const d2 = c1 ^ rotl<u64>(c3, 1);
      const d3 = c2 ^ rotl<u64>(c4, 1);
      const d4 = c3 ^ rotl<u64>(c0, 1);
      // Rho and pi: each lane is turned and moves on.
      const b00 = a00 ^ d0;
      const b02 = rotl<u64>(a10 ^ d1, 1);
      const b04 = rotl<u64>(a20 ^ d2, 62);
      const b01 = rotl<u64>(a30 ^ d3, 28);
      const b03 = rotl<u64>(a40 ^ d4, 27);
      const b13 = rotl<u64>(a01 ^ d0, 36);
      const b10 = rotl<u64>(a11 ^ d1, 44);
      const b12 = rotl<u64>(a21 ^ d2, 6);
      const b14 = rotl<u64>(a31 ^ d3, 55);
      const b11 = rotl<u64>(a41 ^ d4, 20);
      const b21 = rotl<u64>(a02 ^ d0, 3);
      const b23 = rotl<u64>(a12 ^ d1, 10);
      const b20 = rotl<u64>(a22 ^ d2, 43);
      const b22 = rotl<u64>(a32 ^ d3, 25);
      const b24 = rotl<u64>(a42 ^ d4, 39);
      const b34 = rotl<u64>(a03 ^ d0, 41);
      const b31 = rotl<u64>(a13 ^ d1, 45);
      const b33 = rotl<u64>(a23 ^ d2, 15);
      const b30 = rotl<u64>(a33 ^ d3, 21);
      const b32 = rotl<u64>(a43 ^ d4, 8);
      const b42 = rotl<u64>(a04 ^ d0, 18);
      const b44 = rotl<u64>(a14 ^ d1, 2);
      const b41 = rotl<u64>(a24 ^ d2, 61);
      const b43 = rotl<u64>(a34 ^ d3, 56);
      const b40 = rotl<u64>(a44 ^ d4, 14);
      // Chi, and iota into the first lane.
      a00 = b00 ^ (~b10 & b20) ^ load<u64>(roundConstants + round);
      a10 = b10 ^ (~b20 & b30);
      a20 = b20 ^ (~b30 & b40);
      a30 = b30 ^ (~b40 & b00);
      a40 = b40 ^ (~b00 & b10);
      a01 = b01 ^ (~b11 & b21);
      a11 = b11 ^ (~b21 & b31);
      a21 = b21 ^ (~b31 & b41);
      a31 = b31 ^ (~b41 & b01);
      a41 = b41 ^ (~b01 & b11);
      a02 = b02 ^ (~b12 & b22);
      a12 = b12 ^ (~b22 & b32);
      a22 = b22 ^ (~b32 & b42);
      a32 = b32 ^ (~b42 & b02);
      a42 = b42 ^ (~b02 & b12);
      a03 = b03 ^ (~b13 & b23);
      a13 = b13 ^ (~b23 & b33);
      a23 = b23 ^ (~b33 & b43);
      a33 = b33 ^ (~b43 & b03);
      a43 = b43 ^ (~b03 & b13);
      a04 = b04 ^ (~b14 & b24);
      a14 = b14 ^ (~b24 & b34);
      a24 = b24 ^ (~b34 & b44);
      a34 = b34 ^ (~b44 & b04);
      a44 = b44 ^ (~b04 & b14);
    }
  }
  keep(0, a00);
  keep(1, a10);
  keep(2, a20);
  keep(3, a30);
  keep(4, a40);
  keep(5, a01);
  keep(6, a11);
  keep(7, a21);
  keep(8, a31);
  keep(9, a41);
  keep(10, a02);
  keep(11, a12);
  keep(12, a22);
  keep(13, a32);
  keep(14, a42);
  keep(15, a03);
  keep(16, a13);
  keep(17, a23);
  keep(18, a33);
  keep(19, a43);
  keep(20, a04);
  keep(21, a14);
  keep(22, a24);
  keep(23, a34);
  keep(24, a44);
}

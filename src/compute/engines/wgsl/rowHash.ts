/**
 * The leaves of a product's rows on the device: SHA-256 (FIPS 180-4) over 0x00, the row's index and its cells, one
 * invocation a row. The tag shifts everything by one byte, so each word of the message is made of two neighbours in
 * the sequence "tag, index, cells, end bit".
 */

export const rowHashWorkgroup = 32;

const k = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
];
const start = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/** The names rotate instead of the values: in round t the variable that plays the role `a` is another one. */
const state = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'];

function round(t: number): string {
  const [a, b, c, d, e, f, g, h] = state.map((_, role) => state[(role - t + 64) % 8]!);
  const word = (back: number): string => `w${(t - back + 64) % 16}`;
  const schedule = t < 16 ? '' : `${word(16)} += small1(${word(2)}) + ${word(7)} + small0(${word(15)});\n`;
  return `    ${schedule}    ${h} += big1(${e}) + ((${e} & ${f}) ^ (~${e} & ${g})) + ${k[t]}u + w${t % 16};
    ${d} += ${h};
    ${h} += big0(${a}) + ((${a} & ${b}) ^ (${a} & ${c}) ^ (${b} & ${c}));`;
}

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Uniform: cells in a row, rows, index of the first row. */
export const rowHashShader = /* wgsl */ `
struct Params {
  columns: u32,
  rows: u32,
  firstIndex: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cells: array<u32>;
@group(0) @binding(2) var<storage, read_write> leaves: array<u32>;

fn right(value: u32, bits: u32) -> u32 { return (value >> bits) | (value << (32u - bits)); }
fn big0(x: u32) -> u32 { return right(x, 2u) ^ right(x, 13u) ^ right(x, 22u); }
fn big1(x: u32) -> u32 { return right(x, 6u) ^ right(x, 11u) ^ right(x, 25u); }
fn small0(x: u32) -> u32 { return right(x, 7u) ^ right(x, 18u) ^ (x >> 3u); }
fn small1(x: u32) -> u32 { return right(x, 17u) ^ right(x, 19u) ^ (x >> 10u); }
fn swapped(x: u32) -> u32 {
  return (x << 24u) | ((x & 0xff00u) << 8u) | ((x >> 8u) & 0xff00u) | (x >> 24u);
}

/** Element \`at\` of the sequence, little-endian; the tag is a zero and lies before the first. */
fn element(row: u32, at: u32) -> u32 {
  if (at == 0u) { return params.firstIndex + row; }
  if (at <= params.columns) { return cells[row * params.columns + at - 1u]; }
  return select(0u, 0x80u, at == params.columns + 1u);
}

/** Big-endian word of the message: the last byte of one element and three of the next. */
fn joined(before: u32, next: u32) -> u32 { return (before & 0xff000000u) | (swapped(next) >> 8u); }

@compute @workgroup_size(${rowHashWorkgroup})
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  let row = at.x;
  if (row >= params.rows) { return; }
  let blocks = (params.columns + 4u + 15u) / 16u;
${start.map((word, i) => `  var h${i} = ${word}u;`).join('\n')}
  var before = 0u;
  for (var block = 0u; block < blocks; block++) {
    let first = block * 16u;
    var next = 0u;
${numbers(16)
  .map((i) => `    next = element(row, first + ${i}u); var w${i} = joined(before, next); before = next;`)
  .join('\n')}
    if (block + 1u == blocks) { w15 = (5u + params.columns * 4u) * 8u; }
${state.map((name, i) => `    var ${name} = h${i};`).join('\n')}
${numbers(64).map(round).join('\n')}
${state.map((name, i) => `    h${i} += ${name};`).join('\n')}
  }
${state.map((_, i) => `  leaves[row * 8u + ${i}u] = swapped(h${i});`).join('\n')}
}
`;

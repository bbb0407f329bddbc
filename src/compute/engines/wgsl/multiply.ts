/**
 * The multiplication on the device. A workgroup makes one square tile of C: it loads slices of A and B into its own
 * memory, and each invocation adds up 4×4 or 8×8 cells in registers; of eight, four lie in each half of the tile, so
 * that neighbours read neighbouring memory. Both inputs lie with the lines of one place side by side (see pack.ts),
 * padded with zeros to whole tiles; C lies row by row without padding.
 */

export type CellType = 'packedInt8' | 'unpackedInt8' | 'float32';

export interface TileShape {
  /** Rows and columns of a tile. */
  readonly tile: number;
  /** Rows and columns of it that one invocation makes. */
  readonly side: 4 | 8;
}

/** Places along the inner dimension that a tile loads at once; the inputs are padded to a multiple. */
export const depthStep = 8;

interface Arithmetic {
  readonly input: string;
  readonly sum: string;
  /** Adds the products of one value of A with four of B. */
  readonly declarations: string;
}

const arithmetic: Readonly<Record<CellType, Arithmetic>> = {
  packedInt8: {
    input: 'u32',
    sum: 'i32',
    declarations: `
fn added(sum: vec4<i32>, a: u32, b: vec4<u32>) -> vec4<i32> {
  return sum + vec4<i32>(dot4I8Packed(a, b.x), dot4I8Packed(a, b.y), dot4I8Packed(a, b.z), dot4I8Packed(a, b.w));
}`,
  },
  // For WGSL implementations that lack the packed dot product.
  unpackedInt8: {
    input: 'u32',
    sum: 'i32',
    declarations: `
fn byteOf(word: u32, byte: u32) -> i32 { return bitcast<i32>(word << (24u - byte * 8u)) >> 24u; }
fn bytesOf(words: vec4<u32>, byte: u32) -> vec4<i32> {
  return bitcast<vec4<i32>>(words << vec4<u32>(24u - byte * 8u)) >> vec4<u32>(24u);
}
fn added(sum: vec4<i32>, a: u32, b: vec4<u32>) -> vec4<i32> {
  return sum + byteOf(a, 0u) * bytesOf(b, 0u) + byteOf(a, 1u) * bytesOf(b, 1u)
    + byteOf(a, 2u) * bytesOf(b, 2u) + byteOf(a, 3u) * bytesOf(b, 3u);
}`,
  },
  float32: {
    input: 'f32',
    sum: 'f32',
    declarations: `
fn added(sum: vec4<f32>, a: f32, b: vec4<f32>) -> vec4<f32> { return sum + a * b; }`,
  },
};

const lanes = ['x', 'y', 'z', 'w'];
const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Uniform: pitch of A and of B in vectors of four, steps along the inner dimension, first row, rows and columns of C. */
export function multiplyShader(cells: CellType, { tile, side }: TileShape): string {
  const { input, sum, declarations } = arithmetic[cells];
  const quads = tile / 4;
  const invocations = tile / side;
  const loads = (depthStep * quads) / invocations ** 2;
  /** Quads of rows, and of columns, that an invocation makes. */
  const parts = numbers(side / 4);
  const lines = (text: readonly string[]): string => text.join('\n');
  const forCells = (text: (rowPart: number, lane: number, columnPart: number) => string): string =>
    lines(
      parts.flatMap((rowPart) =>
        numbers(4).flatMap((lane) => parts.map((part) => text(rowPart, lane, part))),
      ),
    );
  return /* wgsl */ `
struct Params {
  pitchA: u32,
  pitchB: u32,
  steps: u32,
  firstRow: u32,
  rows: u32,
  columns: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<${input}>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<${input}>>;
@group(0) @binding(3) var<storage, read_write> c: array<${sum}>;

var<workgroup> tileA: array<vec4<${input}>, ${depthStep * quads}>;
var<workgroup> tileB: array<vec4<${input}>, ${depthStep * quads}>;
${declarations}

fn store(row: u32, column: u32, cells: vec4<${sum}>) {
  if (row >= params.rows) { return; }
  let at = row * params.columns + column;
  if (column < params.columns) { c[at] = cells.x; }
  if (column + 1u < params.columns) { c[at + 1u] = cells.y; }
  if (column + 2u < params.columns) { c[at + 2u] = cells.z; }
  if (column + 3u < params.columns) { c[at + 3u] = cells.w; }
}

@compute @workgroup_size(${invocations}, ${invocations})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let firstQuadA = params.firstRow / 4u + group.y * ${quads}u;
  let firstQuadB = group.x * ${quads}u;
${forCells((rowPart, lane, part) => `  var s${rowPart}${lane}${part} = vec4<${sum}>();`)}
  for (var step = 0u; step < params.steps; step++) {
    for (var load = 0u; load < ${loads}u; load++) {
      let at = load * ${invocations ** 2}u + index;
      let place = step * ${depthStep}u + at / ${quads}u;
      tileA[at] = a[place * params.pitchA + firstQuadA + at % ${quads}u];
      tileB[at] = b[place * params.pitchB + firstQuadB + at % ${quads}u];
    }
    workgroupBarrier();
    for (var place = 0u; place < ${depthStep}u; place++) {
${lines(parts.map((part) => `      let a${part} = tileA[place * ${quads}u + ${part * invocations}u + local.y];`))}
${lines(parts.map((part) => `      let b${part} = tileB[place * ${quads}u + ${part * invocations}u + local.x];`))}
${forCells((rowPart, lane, part) => {
  const cell = `s${rowPart}${lane}${part}`;
  return `      ${cell} = added(${cell}, a${rowPart}.${lanes[lane]}, b${part});`;
})}
    }
    workgroupBarrier();
  }
  let row = params.firstRow + group.y * ${tile}u + local.y * 4u;
  let column = group.x * ${tile}u + local.x * 4u;
${forCells((rowPart, lane, part) => {
  const [down, across] = [rowPart * invocations * 4 + lane, part * invocations * 4];
  return `  store(row + ${down}u, column + ${across}u, s${rowPart}${lane}${part});`;
})}
}
`;
}

/**
 * Puts bytes of the keystream where the multiplication reads them: four values that follow each other along the
 * inner dimension in one word, the words of all lines (rows of A, columns of B) for one place side by side. The byte
 * 0x80 becomes 0. Works for every size, also where a line does not begin at a word.
 */

export const packWorkgroup = 16;

/**
 * Uniform: lines, values a line has here, bytes between lines, bytes between values, byte of the first value, words
 * between two places (the pitch), first line's and first place's position in the target.
 */
export const packShader = /* wgsl */ `
struct Params {
  lines: u32,
  values: u32,
  lineStride: u32,
  valueStride: u32,
  start: u32,
  pitch: u32,
  firstLine: u32,
  firstPlace: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> stream: array<u32>;
@group(0) @binding(2) var<storage, read_write> packed: array<u32>;

fn valueAt(line: u32, value: u32) -> u32 {
  if (value >= params.values) { return 0u; }
  let at = params.start + line * params.lineStride + value * params.valueStride;
  let byte = (stream[at / 4u] >> ((at % 4u) * 8u)) & 0xffu;
  return select(byte, 0u, byte == 0x80u);
}

@compute @workgroup_size(${packWorkgroup}, ${packWorkgroup})
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  let line = at.x;
  let value = at.y * 4u;
  if (line >= params.lines || value >= params.values) { return; }
  packed[(params.firstPlace + at.y) * params.pitch + params.firstLine + line] =
    valueAt(line, value)
    | (valueAt(line, value + 1u) << 8u)
    | (valueAt(line, value + 2u) << 16u)
    | (valueAt(line, value + 3u) << 24u);
}
`;

/**
 * The ChaCha20 keystream (RFC 8439, nonce of zeros) on the device: one invocation a block of 64 bytes. The state's
 * four rows are four vectors, so that a column round is one quarter round over vectors and a diagonal round the same
 * after turning three of them.
 */

export const keystreamWorkgroup = 64;

/** Uniform: key as two vectors, then first block's counter, number of blocks. */
export const keystreamShader = /* wgsl */ `
struct Params {
  keyLow: vec4<u32>,
  keyHigh: vec4<u32>,
  firstBlock: u32,
  blocks: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> stream: array<vec4<u32>>;

fn turned(value: vec4<u32>, left: u32) -> vec4<u32> {
  return (value << vec4<u32>(left)) | (value >> vec4<u32>(32u - left));
}

@compute @workgroup_size(${keystreamWorkgroup})
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  if (at.x >= params.blocks) { return; }
  let constants = vec4<u32>(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u);
  let counter = vec4<u32>(params.firstBlock + at.x, 0u, 0u, 0u);
  var a = constants;
  var b = params.keyLow;
  var c = params.keyHigh;
  var d = counter;
  for (var round = 0u; round < 10u; round++) {
    a += b; d = turned(d ^ a, 16u);
    c += d; b = turned(b ^ c, 12u);
    a += b; d = turned(d ^ a, 8u);
    c += d; b = turned(b ^ c, 7u);
    b = b.yzwx; c = c.zwxy; d = d.wxyz;
    a += b; d = turned(d ^ a, 16u);
    c += d; b = turned(b ^ c, 12u);
    a += b; d = turned(d ^ a, 8u);
    c += d; b = turned(b ^ c, 7u);
    b = b.wxyz; c = c.zwxy; d = d.yzwx;
  }
  let out = at.x * 4u;
  stream[out] = a + constants;
  stream[out + 1u] = b + params.keyLow;
  stream[out + 2u] = c + params.keyHigh;
  stream[out + 3u] = d + counter;
}
`;

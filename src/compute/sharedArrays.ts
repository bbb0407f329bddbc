/** Arrays that main and the compute threads see alike, up to a bound. Runs in main. */
import { NodeError } from '../errors/nodeError.js';
import { feelWeight } from '../lib/sharedWeight.js';

/** 2 GiB of float64; a 16384 × 16384 matrix has as many. */
const maxValues = 2 ** 28;

export const sharedInt32 = (length: number): Int32Array => new Int32Array(sharedBytes(length, 4));
export const sharedFloat32 = (length: number): Float32Array => new Float32Array(sharedBytes(length, 4));
export const sharedFloat64 = (length: number): Float64Array => new Float64Array(sharedBytes(length, 8));

function sharedBytes(length: number, bytesEach: number): SharedArrayBuffer {
  if (!(Number.isInteger(length) && length >= 0 && length <= maxValues)) {
    throw new NodeError('compute_failed', { meta: { reason: `no room for an array of ${length} values` } });
  }
  feelWeight(length * bytesEach);
  try {
    return new SharedArrayBuffer(length * bytesEach);
  } catch (cause) {
    throw new NodeError('compute_failed', { meta: { reason: `no memory for ${length} values` }, cause });
  }
}

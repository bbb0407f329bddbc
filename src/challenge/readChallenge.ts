/**
 * The body of a challenge: its type and payload. Small bodies are read in main; large ones, which only matrices can
 * be, in a compute thread, where parsing them holds nothing up.
 */
import { packMatrix } from '../compute/packedMatrix.js';
import { NodeError } from '../errors/nodeError.js';
import type { ChallengeBody } from '../lib/challengeBody.js';
import { isRecord } from '../lib/unknownJson.js';
import { matrixMultiplicationType } from './challengeTypes.js';

/** From here on a body is read in a compute thread. */
export const largeBodyBytes = 64 * 1_024;

/** The members of a multiplication's payload: what a large body has besides stays in the compute thread. */
const matrixMembers = ['A', 'B', 'matrixA', 'matrixB'] as const;
const otherMembers = ['size', 'seed', 'rounds', 'backend', 'precision'] as const;
/** Longer than any text that one of them may be, so that a text cut to this is as wrong as the whole. */
const maxTextLength = 256;

/** @throws NodeError `invalid_json`, `invalid_request` */
export function readChallenge(bytes: Uint8Array): ChallengeBody {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw new NodeError('invalid_json', { cause });
  }
  if (!isRecord(value)) throw new NodeError('invalid_json');
  const { type, payload } = value;
  if (typeof type !== 'string') {
    throw new NodeError('invalid_request', { message: 'The body needs a "type" that is a string.' });
  }
  return { type, payload };
}

/**
 * The same of a large body, with its matrices packed, so that what crosses back to main is small or shared.
 *
 * @throws NodeError also `invalid_payload`, for matrices that are none and for other types that are large
 */
export function readLargeChallenge(bytes: Uint8Array, maxMatrixSize: number): ChallengeBody {
  const { type, payload } = readChallenge(bytes);
  // Whether there is such a type is said elsewhere.
  if (type !== matrixMultiplicationType || typeof payload !== 'object' || payload === null) {
    return { type: type.slice(0, 128), payload: undefined, isOversized: true };
  }
  const given = payload as Readonly<Record<string, unknown>>;
  const packed: Record<string, unknown> = {};
  for (const name of otherMembers) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (typeof value === 'string') packed[name] = value.slice(0, maxTextLength);
    // Anything else that is no plain value is wrong there, whatever it holds.
    else if (value !== undefined) packed[name] = typeof value === 'object' && value !== null ? [] : value;
  }
  // A size wins over matrices, which then nobody looks at.
  if (typeof packed['size'] === 'number' && packed['size'] > 0) return { type, payload: packed };
  for (const name of matrixMembers) {
    if (Object.hasOwn(given, name) && given[name] != null) {
      packed[name] = packMatrix(given[name], name, maxMatrixSize);
    }
  }
  return { type, payload: packed };
}

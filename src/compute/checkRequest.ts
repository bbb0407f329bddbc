/** What every engine refuses before it begins, in words for the log. Runs in main and in the GPU host. */
import { engineFailure } from './engineFailure.js';
import type { GivenMatrices, ProductRequest, ProofRoundRequest } from './matrixEngine.js';

const keyBytes = 32;

export function checkProofRound({ size, keyA, keyB }: ProofRoundRequest, maxSize: number): void {
  checkSize(size, maxSize);
  checkKey(keyA);
  checkKey(keyB);
}

export function checkProduct(request: ProductRequest, maxSize: number): void {
  if (request.kind === 'given') checkShape(request);
  else {
    checkSize(request.size, maxSize);
    checkKey(request.key);
  }
}

function checkSize(size: number, maxSize: number): void {
  if (!isCount(size)) throw engineFailure(`no size of ${size}`);
  if (size > maxSize) throw engineFailure(`size ${size} is over ${maxSize}`);
}

function checkKey(key: Uint8Array): void {
  if (key.length !== keyBytes) throw engineFailure(`a key of ${key.length} bytes`);
}

function checkShape({ rows, inner, columns, a, b }: GivenMatrices): void {
  if (![rows, inner, columns].every(isCount) || a.length !== rows * inner || b.length !== inner * columns) {
    throw engineFailure(`${a.length} and ${b.length} values are no ${rows}×${inner} and ${inner}×${columns}`);
  }
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;

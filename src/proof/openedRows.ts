/** Which rows an opening shows: drawn from all roots and a nonce that the verifier made after it had seen them. */
import { createHash } from 'node:crypto';
import { fillKeystream } from './keystream.js';
import { proofVersion } from './protocol.js';

export interface OpeningDraw {
  /** Of all rounds, in order; 32 bytes each. */
  readonly roots: readonly Uint8Array[];
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  /** How many rows are asked for; a smaller matrix shows all it has. */
  readonly rows: number;
  readonly size: number;
}

const wordsAtOnce = 1_024;

/** Distinct row indices in the order in which they are to be shown. */
export function openedRowIndices({ roots, nonce, rows, size }: OpeningDraw): number[] {
  const hash = createHash('sha256').update(`${proofVersion}/open\0`);
  for (const root of roots) hash.update(root);
  const key = hash.update(nonce).digest();
  const wanted = Math.min(rows, size);
  // Words above the last multiple of the size would make low rows likelier.
  const fairBelow = Math.floor(2 ** 32 / size) * size;
  const chosen = new Set<number>();
  const piece = Buffer.alloc(wordsAtOnce * 4);
  for (let offset = 0; chosen.size < wanted; offset += piece.length) {
    fillKeystream(key, offset, piece);
    for (let at = 0; at < piece.length && chosen.size < wanted; at += 4) {
      const word = piece.readUInt32LE(at);
      if (word < fairBelow) chosen.add(word % size);
    }
  }
  return [...chosen];
}

/**
 * What an engine must compute before it may serve: roots of `fxn-matmul-1` that are known. Sizes that are no multiple
 * of four, that fill one tile, and that need several tiles and rounds. Runs in the GPU host.
 */
import type { AddressText } from '../lib/address.js';
import { firstPreviousRoot, roundKeys } from '../proof/inputKeys.js';
import { treeRoot } from '../proof/rowTree.js';
import { engineFailure } from './engineFailure.js';
import type { MatrixEngine } from './matrixEngine.js';

interface KnownRoots {
  /** Every byte of the seed. */
  readonly seedByte: number;
  readonly size: number;
  /** One a round. */
  readonly roots: readonly string[];
}

const address: AddressText = '0x9ec5501b7db525648c46098cce1df11ebba9c16a';
const chainId = 84_532;

const knownRoots: readonly KnownRoots[] = [
  { seedByte: 0x22, size: 3, roots: ['d7f7973298a048d65cf716affd9b77a4fdedd85884d59ac4748e6b8de5a9e9cc'] },
  { seedByte: 0x33, size: 64, roots: ['916cf77f51194fd064c548611806b34ef92962ce95acb61b48cfdf7166077022'] },
  {
    seedByte: 0x55,
    size: 256,
    roots: [
      'a38ff095487d947e8e01a6b4fcc25f93b5e1cc7f598ee2119766bc1b0afcca54',
      '09c2e5a7769a1a46b8da5214c13ea8cae0cda5c5fa72b6388ecf2ca17d85c8d3',
      '9980dc542e383e77578e19630b1266bb1298d997cd75b1a9a09799a991c1a86b',
    ],
  },
];

/** Main ends a host whose start takes too long. */
const unaborted = new AbortController().signal;

/** Rejects with the reason when the engine fails or computes anything else. */
export async function testEngine(engine: MatrixEngine): Promise<void> {
  for (const { seedByte, size, roots } of knownRoots) {
    const seed = new Uint8Array(32).fill(seedByte);
    let previousRoot: Uint8Array = firstPreviousRoot;
    for (const [round, root] of roots.entries()) {
      const { a, b } = roundKeys({ seed, address, chainId, round, previousRoot });
      const { leaves } = await engine.proofRound({ size, keyA: a, keyB: b }, unaborted);
      previousRoot = leaves.length === size * 32 ? treeRoot(leaves) : new Uint8Array(32);
      if (Buffer.from(previousRoot).toString('hex') !== root) {
        throw engineFailure(`wrong root in the self-test at size ${size}`);
      }
    }
  }
}

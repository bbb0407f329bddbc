/**
 * Entry of a GPU host for tests. Its engines multiply with plain loops and do what `FXN_TEST_ODDITIES` asks of them:
 * `name:oddity` each, separated by commas. Started by the suites of the GPU host, never imported.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { engineFailure } from '#src/compute/engineFailure.js';
import type { EngineName, MatrixEngine, ProofRoundRequest } from '#src/compute/matrixEngine.js';
import { serveHost } from '#src/compute/serveHost.js';
import type { StartEngine } from '#src/compute/startEngine.js';
import { type PlainProofRound, plainProofRound } from './plainProduct.js';

/** Keys that begin with this byte ask for the engine's oddity; the self-test has none. */
const oddFrom = 0xee;

const neverSettles = new Promise<never>(() => undefined);
const blockEventLoop = (): never => {
  for (;;);
};

/** What happens instead of a job. */
const oddJobs: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>> = {
  blocks: async () => blockEventLoop(),
  deaf: () => neverSettles,
  // An abort is obeyed, a deadline is not known here.
  slow: (signal) => delay(3_600_000, undefined, { signal }),
  crashes: async () => {
    process.kill(process.pid, 'SIGSEGV');
    await neverSettles;
  },
  throws: async () => {
    throw new Error('the shader melted');
  },
};

/** The engines have the same self-test, whose loops are most of the time that a start takes. */
const selfTests = new Map<string, PlainProofRound>();

function knownRound(size: number, keyA: Uint8Array, keyB: Uint8Array): PlainProofRound {
  if (size < 256) return plainProofRound(size, keyA, keyB);
  const name = Buffer.concat([keyA, keyB]).toString('hex');
  const round = selfTests.get(name) ?? plainProofRound(size, keyA, keyB);
  selfTests.set(name, round);
  return { cells: round.cells, leaves: Uint8Array.from(round.leaves) };
}

const oddities = new Map(
  (process.env['FXN_TEST_ODDITIES'] ?? '')
    .split(',')
    .map((text) => text.split(':') as [name: string, oddity: string]),
);

const start =
  (name: EngineName): StartEngine =>
  async ({ onLost }) => {
    const oddity = oddities.get(name) ?? '';
    if (oddity === 'absent') throw engineFailure('no adapter');
    if (oddity === 'crashesAtStart') process.kill(process.pid, 'SIGSEGV');
    if (oddity === 'hangsAtStart') await neverSettles;
    if (oddity === 'talks') process.stderr.write(`${'warning '.repeat(1_000)}\n`.repeat(1_000));
    return engine(name, oddity, onLost);
  };

function engine(name: EngineName, oddity: string, onLost: (reason: string) => void): MatrixEngine {
  return {
    info: {
      name,
      backend: 'cpu',
      device: 'plain loops',
      deviceInfo: { name: 'plain loops', computeCapability: null, memoryGB: null, cudaCores: null },
      isSoftware: true,
      maxSize: 1_024,
      takesGivenMatrices: false,
    },
    async proofRound({ size, keyA, keyB }: ProofRoundRequest, signal) {
      if (keyA[0] === oddFrom) {
        if (oddity === 'lost') {
          onLost('device lost: unplugged');
          throw engineFailure('device lost: unplugged');
        }
        await oddJobs[oddity]?.(signal);
      }
      const startedMs = performance.now();
      const { cells, leaves } = knownRound(size, keyA, keyB);
      if (oddity === 'wrong' && size === 256) leaves[0]! ^= 1;
      const middle = size >>> 1;
      const totalMs = performance.now() - startedMs;
      return {
        leaves,
        samples: [cells[0]!, cells[middle * size + middle]!],
        timings: { totalMs, generateMs: null, multiplyMs: null, hashMs: null, transferMs: null },
      };
    },
    async product() {
      throw engineFailure('plain loops multiply no matrices here');
    },
  };
}

serveHost({ webgpu: start('webgpu'), gpujs: start('gpujs'), openblas: start('openblas') });

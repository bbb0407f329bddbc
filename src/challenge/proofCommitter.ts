/**
 * Proof mode's first half: works the rounds off one after the other, each bound to the root before it, signs what
 * came out and keeps it for the opening. Runs in main.
 */
import { randomBytes } from 'node:crypto';
import { personalSignature } from '../auth/personalSignature.js';
import type { MatrixJobResult, MatrixJobs } from '../compute/matrixJobs.js';
import type { WantedBackend } from '../compute/wantedBackend.js';
import type { NodeKey } from '../keys/nodeKey.js';
import { hexText } from '../lib/hexText.js';
import { commitStatement } from '../proof/commitStatement.js';
import { firstPreviousRoot, roundKeys } from '../proof/inputKeys.js';
import { proofVersion } from '../proof/protocol.js';
import { buildRowTree } from '../proof/rowTree.js';
import type { ChallengeContext } from './challenger.js';
import type { Commitments, CommittedRound } from './commitments.js';

export interface ProofCommitterOptions {
  readonly jobs: MatrixJobs;
  readonly commitments: Commitments;
  readonly key: NodeKey;
  readonly chainId: number;
}

export interface CommitRequest {
  /** 64 hex digits, lower case. */
  readonly seed: string;
  readonly size: number;
  readonly rounds: number;
  readonly wanted: WantedBackend;
  readonly context: ChallengeContext;
}

export interface CommitResult {
  /** Over all rounds: inputs, product and hashes. */
  readonly computationTimeMs: number;
  /** Of the last round. */
  readonly samples: readonly [number, number];
  readonly root: string;
  readonly proof: object;
}

export interface ProofCommitter {
  /** @throws NodeError `invalid_payload` when it could not be kept, and what the jobs throw */
  commit(request: CommitRequest): Promise<MatrixJobResult<CommitResult>>;
}

const idBytes = 16;

export function createProofCommitter(options: ProofCommitterOptions): ProofCommitter {
  const { jobs, commitments, key, chainId } = options;

  const workOff: (request: CommitRequest) => Promise<MatrixJobResult<WorkedRounds>> = (request) =>
    jobs.run({
      wanted: request.wanted,
      rows: request.size,
      suits: (info) => request.size <= info.maxSize,
      signal: request.context.signal,
      async run(engine, signal) {
        const seed = Buffer.from(request.seed, 'hex');
        const rounds: CommittedRound[] = [];
        let samples: readonly [number, number] = [0, 0];
        let previousRoot = firstPreviousRoot;
        const startedAtMs = performance.now();
        for (let round = 0; round < request.rounds; round++) {
          const keys = roundKeys({ seed, address: key.address, chainId, round, previousRoot });
          const worked = await engine.proofRound({ size: request.size, keyA: keys.a, keyB: keys.b }, signal);
          const tree = buildRowTree(worked.leaves);
          rounds.push({ keyA: keys.a, keyB: keys.b, tree });
          samples = worked.samples;
          previousRoot = tree.root;
        }
        return { rounds, samples, computationTimeMs: performance.now() - startedAtMs };
      },
    });

  return {
    async commit(request) {
      const { seed, size, context } = request;
      commitments.checkCost(size, request.rounds);
      const job = await workOff(request);
      const { rounds, samples, computationTimeMs } = job.result;
      const commitmentId = randomBytes(idBytes).toString('hex');
      const roots = rounds.map(({ tree }) => hexText(tree.root));
      const statement = commitStatement({ commitmentId, seed, size, chainId, roots });
      const signature = personalSignature(statement, key.sign);
      const expiresAt = commitments.add({ id: commitmentId, caller: context.caller, size, rounds });
      context.note({ commitmentId, rounds: rounds.length });
      const address = key.checksumAddress;
      const proof = { version: proofVersion, commitmentId, roots, address, chainId, expiresAt, signature };
      return { ...job, result: { computationTimeMs, samples, root: roots[roots.length - 1]!, proof } };
    },
  };
}

interface WorkedRounds {
  readonly rounds: readonly CommittedRound[];
  readonly samples: readonly [number, number];
  readonly computationTimeMs: number;
}

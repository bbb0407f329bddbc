/**
 * `MATRIX_MULTIPLICATION`: multiplies what it is given or told to draw, or, with a seed, makes a commitment that the
 * scheduler can verify (`fxn-matmul-1`). Checks the payload and writes the answer; the work is done by the engines.
 * Runs in main.
 */
import { randomBytes } from 'node:crypto';
import * as Type from 'typebox';
import type { EngineInfo, ProductRequest, ProductResult } from '../compute/matrixEngine.js';
import type { MatrixJobResult, MatrixJobs } from '../compute/matrixJobs.js';
import { type PackedMatrix, packMatrix } from '../compute/packedMatrix.js';
import { type WantedBackend, wantedBackends } from '../compute/wantedBackend.js';
import { hexText } from '../lib/hexText.js';
import type { MultiplicationRun } from '../metrics/challengeMetrics.js';
import { type ChallengeContext, type Challenger, defineChallenger, invalidPayload } from './challenger.js';
import { matrixMultiplicationType } from './challengeTypes.js';
import { JsonText } from './jsonText.js';
import type { ProofCommitter } from './proofCommitter.js';

export interface MatrixMultiplicationOptions {
  readonly jobs: MatrixJobs;
  readonly committer: ProofCommitter;
  readonly maxMatrixSize: number;
  readonly deadlineMs: number;
  /** Writes a large matrix as JSON, away from this thread. */
  readonly renderMatrix: (cells: Float64Array, columns: number, signal: AbortSignal) => Promise<string>;
  readonly record: (run: MultiplicationRun) => void;
}

/** Go's null and zero mean "not given". */
const optional = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

const Payload = Type.Object({
  size: optional(Type.Integer()),
  seed: optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$' })),
  rounds: optional(Type.Integer({ minimum: 1, maximum: 4_096 })),
  backend: optional(Type.Union([...wantedBackends, '' as const].map((word) => Type.Literal(word)))),
  precision: optional(Type.String()),
  A: Type.Optional(Type.Unknown()),
  B: Type.Optional(Type.Unknown()),
  matrixA: Type.Optional(Type.Unknown()),
  matrixB: Type.Optional(Type.Unknown()),
});
type Payload = Type.Static<typeof Payload>;

/** More cells than this are not written as JSON in main. */
const cellsInMain = 10_000;

export function createMatrixMultiplicationChallenger(options: MatrixMultiplicationOptions): Challenger {
  const { jobs, committer, maxMatrixSize, record } = options;

  const sizeOf = (payload: Payload): number | undefined => {
    const size = payload.size ?? 0;
    if (size <= 0) return undefined;
    if (size > maxMatrixSize)
      throw invalidPayload(`size is ${size}, and this node takes at most ${maxMatrixSize}`);
    return size;
  };

  const prove = async (payload: Payload, seed: string, context: ChallengeContext): Promise<object> => {
    const size = sizeOf(payload);
    if (size === undefined) throw invalidPayload('expected a size of 1 or more beside a seed');
    const rounds = payload.rounds ?? 1;
    const job = await committer.commit({
      seed: seed.toLowerCase(),
      size,
      rounds,
      wanted: wantedBackend(payload),
      context,
    });
    const { computationTimeMs, samples, root, proof } = job.result;
    const flops = 2 * size ** 3 * rounds;
    const middle = Math.floor(size / 2);
    return answerOf(job, context, {
      computationTimeMs,
      flops,
      size,
      root,
      samples: samplesOf(samples, middle, middle),
      more: { proof },
    });
  };

  const multiply = async (payload: Payload, context: ChallengeContext): Promise<object> => {
    const size = sizeOf(payload);
    const request = size === undefined ? givenMatrices(payload, maxMatrixSize) : drawnMatrices(size);
    const [rows, inner, columns] =
      request.kind === 'drawn'
        ? [request.size, request.size, request.size]
        : [request.rows, request.inner, request.columns];
    const startedAtMs = performance.now();
    let computationTimeMs = 0;
    const job = await jobs.run<ProductResult>({
      wanted: wantedBackend(payload),
      rows,
      suits: (info) => suits(info, request),
      signal: context.signal,
      async run(engine, signal) {
        const result = await engine.product(request, signal);
        computationTimeMs = result.timings.multiplyMs ?? result.timings.totalMs;
        return result;
      },
    });
    const { root, samples, cells } = job.result;
    const answer = answerOf(job, context, {
      computationTimeMs,
      flops: 2 * rows * inner * columns,
      size: rows,
      root: hexText(root),
      samples: samplesOf(samples, Math.floor(rows / 2), Math.floor(columns / 2)),
      more: {},
    });
    context.note({ waitedMs: Math.round(performance.now() - startedAtMs - job.result.timings.totalMs) });
    if (cells === undefined) return answer;
    if (cells.length <= cellsInMain) return { ...answer, C: rowsOf(cells, columns) };
    const rendered = await options.renderMatrix(cells, columns, context.signal);
    return new JsonText(`${JSON.stringify(answer).slice(0, -1)},"C":${rendered}}`);
  };

  const answerOf = (job: MatrixJobResult<unknown>, context: ChallengeContext, run: AnsweredRun): object => {
    const { engine, fallback } = job;
    const { computationTimeMs, flops, size, root, samples, more } = run;
    const gflops = computationTimeMs > 0 ? flops / computationTimeMs / 1e6 : 0;
    record({ backend: engine.backend, size, durationMs: computationTimeMs, gflops });
    context.note({
      size,
      engine: engine.name,
      device: engine.device,
      gflops: Number(gflops.toPrecision(4)),
      ...(fallback && { fallback }),
    });
    return {
      computationTimeMs,
      gflops,
      backend: engine.backend,
      device: engine.device,
      deviceInfo: engine.deviceInfo,
      matrixSize: size,
      merkleRoot: root,
      resultSamples: samples,
      flops,
      ...(fallback === undefined ? {} : { fallback }),
      ...more,
    };
  };

  return defineChallenger({
    type: matrixMultiplicationType,
    payload: Payload,
    deadlineMs: options.deadlineMs,
    run: (payload, context) => {
      const seed = payload.seed ?? undefined;
      return seed === undefined ? multiply(payload, context) : prove(payload, seed, context);
    },
  });
}

interface AnsweredRun {
  readonly computationTimeMs: number;
  readonly flops: number;
  readonly size: number;
  readonly root: string;
  readonly samples: readonly object[];
  readonly more: object;
}

const wantedBackend = ({ backend }: Payload): WantedBackend => backend || 'auto';

const suits = (info: EngineInfo, request: ProductRequest): boolean => {
  if (request.kind === 'given' && !info.takesGivenMatrices) return false;
  const longest =
    request.kind === 'drawn' ? request.size : Math.max(request.rows, request.inner, request.columns);
  return longest <= info.maxSize;
};

function givenMatrices(payload: Payload, maxSize: number): ProductRequest {
  const a = matrixOf(payload, ['A', 'matrixA'], maxSize);
  const b = matrixOf(payload, ['B', 'matrixB'], maxSize);
  if (a.columns !== b.rows) {
    throw invalidPayload(`A has ${a.columns} columns and B has ${b.rows} rows, which must be as many`);
  }
  return {
    kind: 'given',
    rows: a.rows,
    inner: a.columns,
    columns: b.columns,
    a: a.values,
    b: b.values,
  };
}

function matrixOf(
  payload: Payload,
  names: readonly ['A' | 'B', 'matrixA' | 'matrixB'],
  maxSize: number,
): PackedMatrix {
  const name = names.find((candidate) => payload[candidate] != null);
  if (name === undefined)
    throw invalidPayload(`expected a size of 1 or more, or both matrices, and ${names[0]} is missing`);
  return packMatrix(payload[name], name, maxSize);
}

const drawnMatrices = (size: number): ProductRequest => ({ kind: 'drawn', size, key: randomBytes(32) });

const samplesOf = ([first, middle]: readonly [number, number], row: number, col: number): object[] => [
  { row: 0, col: 0, value: first },
  { row, col, value: middle },
];

const rowsOf = (cells: Float64Array, columns: number): number[][] =>
  Array.from({ length: cells.length / columns }, (_, row) =>
    Array.from(cells.subarray(row * columns, (row + 1) * columns)),
  );

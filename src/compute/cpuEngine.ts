/**
 * The matrix engine on the compute pool's threads: exact int32 for proof rounds, float64 for the legacy mode. Work
 * goes to the threads in bands that take about a tenth of a second, so that other tasks get their turn. Runs in
 * main.
 */
import { cpus, totalmem } from 'node:os';
import { NodeError } from '../errors/nodeError.js';
import { leafBytes } from '../proof/protocol.js';
import { checkProduct, checkProofRound } from './checkRequest.js';
import type { ComputePool } from './computePool.js';
import { overflow } from './goFixed6.js';
import { createJobLane } from './jobLane.js';
import {
  type MatrixEngine,
  maxRowsInAnswer,
  type ProductRequest,
  type ProductResult,
  type ProofRoundRequest,
  type ProofRoundResult,
} from './matrixEngine.js';
import type { MatrixValues } from './productBand.js';
import { runBands } from './runBands.js';
import { sharedFloat32, sharedFloat64, sharedInt32 } from './sharedArrays.js';

export interface CpuEngineOptions {
  /** Of the pool's threads; all of them by default. */
  readonly maxThreads?: number;
}

/** Packed B of this size takes 256 MiB a thread. */
const maxSize = 16_384;
/** Callers bound their own queues; this is for those that do not. */
const maxWaiting = 64;
/** Operations of a band; about 120 ms in int8 and 200 ms in float64. */
const proofBandOperations = 5e9;
const productBandOperations = 2e9;
/** Fewer would load more of B than they multiply with it. */
const minBandRows = 16;
/** A rectangle of the legacy mode packs this many rows of A, which the second cache holds. */
const maxProductRows = 256;
const minProductColumns = 32;
/** Drawn at once: about 40 ms. */
const drawnBandValues = 2 ** 24;
/** As on a machine where everything else comes first. */
const bandDeadlineMs = 60_000;
/** What printing and hashing one cell may take, twenty times what it does. */
const cellDeadlineMs = 0.002;

interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly a: MatrixValues;
  readonly b: MatrixValues;
}

export function createCpuEngine(pool: ComputePool, { maxThreads }: CpuEngineOptions = {}): MatrixEngine {
  const lanes = Math.max(1, Math.min(pool.threads, maxThreads ?? pool.threads));
  /** Two jobs would take turns at throwing out what the other one keeps in the threads. */
  const lane = createJobLane(maxWaiting);
  const device = cpus()[0]?.model.trim() || 'unknown CPU';

  async function proofRound(request: ProofRoundRequest, signal: AbortSignal): Promise<ProofRoundResult> {
    const { size, keyA, keyB } = request;
    const startMs = performance.now();
    const bandRows = Math.max(
      minBandRows,
      Math.min(Math.ceil(size / lanes / 4) * 4, Math.floor(proofBandOperations / (2 * size * size) / 4) * 4),
    );
    const leaves = new Uint8Array(size * leafBytes);
    const samples: [number, number] = [0, 0];
    let generateMs = 0;
    let multiplyMs = 0;
    let hashMs = 0;
    await runBands({
      bands: Math.ceil(size / bandRows),
      lanes,
      signal,
      async run(band) {
        const firstRow = band * bandRows;
        const task = { size, keyA, keyB, firstRow, rows: Math.min(bandRows, size - firstRow) };
        for (;;) {
          const result = await pool.run('proofBand', task, { deadlineMs: bandDeadlineMs });
          generateMs += result.generateMs;
          signal.throwIfAborted();
          if (!result.isDone) continue;
          leaves.set(result.leaves, firstRow * leafBytes);
          result.samples.forEach((sample, at) => {
            if (sample !== undefined) samples[at] = sample;
          });
          multiplyMs += result.multiplyMs;
          hashMs += result.hashMs;
          return;
        }
      },
    });
    const totalMs = performance.now() - startMs;
    return { leaves, samples, timings: { totalMs, generateMs, multiplyMs, hashMs, transferMs: null } };
  }

  async function product(request: ProductRequest, signal: AbortSignal): Promise<ProductResult> {
    const startMs = performance.now();
    const { rows, inner, columns, a, b } =
      request.kind === 'given'
        ? sharedProduct(request)
        : await drawProduct(request.size, request.key, signal);
    const drawnMs = performance.now();
    const target = sharedFloat64(rows * columns);
    const bandRows = Math.min(rows, maxProductRows);
    const operations = Math.min(productBandOperations, (2 * rows * inner * columns) / lanes);
    const bandColumns = Math.max(minProductColumns, Math.ceil(operations / (2 * bandRows * inner) / 4) * 4);
    const across = Math.ceil(columns / bandColumns);
    await runBands({
      bands: Math.ceil(rows / bandRows) * across,
      lanes,
      signal,
      run: (band) => {
        const firstRow = Math.floor(band / across) * bandRows;
        const firstColumn = (band % across) * bandColumns;
        const task = {
          a,
          b,
          target,
          inner,
          columns,
          firstRow,
          bandRows: Math.min(bandRows, rows - firstRow),
          firstColumn,
          bandColumns: Math.min(bandColumns, columns - firstColumn),
        };
        return pool.run('productBand', task, { deadlineMs: bandDeadlineMs });
      },
    });
    const multipliedMs = performance.now();
    const root = await rootOf(target, signal);
    const endMs = performance.now();
    return {
      root,
      samples: [target[0]!, target[(rows >>> 1) * columns + (columns >>> 1)]!],
      // A copy, because shared memory cannot be handed on everywhere.
      cells: rows <= maxRowsInAnswer ? target.slice() : undefined,
      timings: {
        totalMs: endMs - startMs,
        generateMs: request.kind === 'drawn' ? drawnMs - startMs : null,
        multiplyMs: multipliedMs - drawnMs,
        hashMs: endMs - multipliedMs,
        transferMs: null,
      },
    };
  }

  async function drawProduct(size: number, key: Uint8Array, signal: AbortSignal): Promise<Product> {
    const a = sharedFloat32(size * size);
    const b = sharedFloat32(size * size);
    const bandRows = Math.ceil(drawnBandValues / size);
    const perMatrix = Math.ceil(size / bandRows);
    await runBands({
      bands: 2 * perMatrix,
      lanes,
      signal,
      run: (band) => {
        const which = band < perMatrix ? 'A' : 'B';
        const firstRow = (band % perMatrix) * bandRows;
        const rows = Math.min(bandRows, size - firstRow);
        const target = (which === 'A' ? a : b).subarray(firstRow * size, (firstRow + rows) * size);
        const task = { rows: { key, which, size, firstRow, rows }, target } as const;
        return pool.run('drawnBand', task, { deadlineMs: bandDeadlineMs });
      },
    });
    return { rows: size, inner: size, columns: size, a, b };
  }

  async function rootOf(cells: Float64Array, signal: AbortSignal): Promise<Uint8Array> {
    const halt = sharedInt32(1);
    const onAbort = (): void => void Atomics.store(halt, 0, 1);
    signal.addEventListener('abort', onAbort);
    try {
      signal.throwIfAborted();
      const deadlineMs = bandDeadlineMs + cells.length * cellDeadlineMs;
      const result = await pool.run('productRoot', { cells, halt }, { deadlineMs });
      signal.throwIfAborted();
      if ('root' in result) return result.root;
      throw result.failure === 'overflow' ? overflow() : new NodeError('compute_failed');
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  return {
    info: {
      name: 'wasm',
      backend: 'cpu',
      device,
      deviceInfo: {
        name: device,
        computeCapability: null,
        memoryGB: Math.round(totalmem() / 2 ** 30),
        cudaCores: null,
        threads: lanes,
      },
      isSoftware: false,
      maxSize,
      takesGivenMatrices: true,
    },
    async proofRound(request, signal) {
      checkProofRound(request, maxSize);
      return await lane.run(() => proofRound(request, signal), signal);
    },
    async product(request, signal) {
      checkProduct(request, maxSize);
      return await lane.run(() => product(request, signal), signal);
    },
  };
}

/** The same product with both inputs where threads see them. */
function sharedProduct({ rows, inner, columns, a, b }: Product): Product {
  return { rows, inner, columns, a: sharedValues(a), b: sharedValues(b) };
}

function sharedValues(values: MatrixValues): MatrixValues {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const shared = sharedFloat64(values.length);
  shared.set(values);
  return shared;
}

/**
 * Multiplies on the CPU through OpenBLAS, or Accelerate on macOS, where it is installed: proof rounds exactly, block
 * by block in float32, drawn matrices in float64. Given matrices are not for it, because their sums are promised k
 * ascending and a BLAS adds in an order of its own. Runs in the GPU host.
 */
import { cpus, totalmem } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkProduct, checkProofRound } from '../checkRequest.js';
import { engineFailure } from '../engineFailure.js';
import type { EngineInfo, MatrixEngine, ProductResult } from '../matrixEngine.js';
import { type Block, blockedRound, blockInner } from './blockedRound.js';
import { type MatrixRows, openMatrixRows } from './matrixRows.js';
import { cellsAtOnce, ProductCollector } from './productCollector.js';
import { Stopwatch } from './stopwatch.js';

type Multiply<Values> = (
  sizes: { rows: number; inner: number; columns: number },
  a: Values,
  b: Values,
  c: Values,
) => void;

interface Blas {
  readonly multiplySingle: Multiply<Float32Array>;
  readonly multiplyDouble: Multiply<Float64Array>;
  /** The library in its own words. */
  readonly description: string;
}

const librariesOf: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libopenblas.so.0', 'libopenblas.so', 'libopenblasp.so.0'],
  darwin: [
    '/System/Library/Frameworks/Accelerate.framework/Accelerate',
    '/opt/homebrew/opt/openblas/lib/libopenblas.dylib',
  ],
  win32: ['libopenblas.dll'],
};

/** `CblasRowMajor` and `CblasNoTrans` of cblas.h. */
const rowMajor = 101;
const notTransposed = 111;

/** B in float32 takes 1 GiB at this size. */
const maxSize = 16_384;
/** Operations of one call, which nothing can interrupt: half a second on a slow core. */
const operationsAtOnce = 8e9;
const minBandRows = 16;
/** More rows would not be multiplied faster. */
const maxBandRows = 512;

export async function startOpenblasEngine(): Promise<MatrixEngine> {
  const blas = await openBlas();
  const model = cpus()[0]?.model.trim() || 'unknown CPU';
  const info: EngineInfo = {
    name: 'openblas',
    backend: 'cpu',
    device: `${model}, ${blas.description}`,
    deviceInfo: {
      name: model,
      computeCapability: null,
      memoryGB: Math.round(totalmem() / 2 ** 30),
      cudaCores: null,
      library: blas.description,
    },
    isSoftware: false,
    maxSize,
    takesGivenMatrices: false,
  };
  return {
    info,
    async proofRound(request, signal) {
      checkProofRound(request, maxSize);
      const { size } = request;
      const inner = blockInner(size);
      const bandRows = bandRowsFor(size, inner, size);
      const c = new Float32Array(bandRows * size);
      const productRows = Array.from({ length: bandRows }, (_, row) =>
        c.subarray(row * size, (row + 1) * size),
      );
      const multiply = async ({ rows, columns, a, b }: Block): Promise<Float32Array[]> => {
        blas.multiplySingle({ rows, inner, columns }, a, b, c);
        return productRows;
      };
      return await blockedRound({ request, signal, bandRows, inner, multiply, untold: ['transfer'] });
    },
    async product(request, signal) {
      if (request.kind === 'given') throw engineFailure('OpenBLAS takes no given matrices');
      checkProduct(request, maxSize);
      return await product(blas, openMatrixRows(request), signal);
    },
  };
}

function bandRowsFor(rows: number, inner: number, columns: number): number {
  const affordable = Math.floor(operationsAtOnce / (2 * inner * columns));
  return Math.min(rows, maxBandRows, Math.max(minBandRows, affordable));
}

async function product(blas: Blas, matrices: MatrixRows, signal: AbortSignal): Promise<ProductResult> {
  const { rows, inner, columns, fill } = matrices;
  const bandRows = bandRowsFor(rows, inner, columns);
  const collector = new ProductCollector(rows, columns);
  const watch = new Stopwatch();
  /** Lets an abort come in. */
  const pause = async (): Promise<void> => {
    await nextTurn();
    signal.throwIfAborted();
  };

  const b = new Float64Array(inner * columns);
  for (let first = 0; first < inner; first += bandRows) {
    const count = Math.min(bandRows, inner - first);
    await watch.time('generate', () =>
      fill('B', first, b.subarray(first * columns, (first + count) * columns)),
    );
    await pause();
  }
  const a = new Float64Array(bandRows * inner);
  const c = new Float64Array(bandRows * columns);
  for (let first = 0; first < rows; first += bandRows) {
    const count = Math.min(bandRows, rows - first);
    await watch.time('generate', () => fill('A', first, a.subarray(0, count * inner)));
    await watch.time('multiply', () => blas.multiplyDouble({ rows: count, inner, columns }, a, b, c));
    for (let from = 0; from < count * columns; from += cellsAtOnce) {
      await pause();
      const cells = c.subarray(from, Math.min(count * columns, from + cellsAtOnce));
      await watch.time('hash', () => collector.add(cells));
    }
    await pause();
  }
  return { ...collector.result(), timings: watch.timings('transfer') };
}

async function openBlas(): Promise<Blas> {
  const { default: koffi } = await import('koffi');
  const names = librariesOf[process.platform] ?? [];
  const library = names.map(tryLoad).find((each) => each !== undefined);
  if (library === undefined) throw engineFailure(`${names[0] ?? 'OpenBLAS'} not found`);
  const multiply = <Values>(name: string, type: 'float' | 'double'): Multiply<Values> => {
    const call = library.func(
      `void ${name}(int order, int transA, int transB, int m, int n, int k, ${type} alpha, const ${type} *a, int lda, ` +
        `const ${type} *b, int ldb, ${type} beta, ${type} *c, int ldc)`,
    );
    return ({ rows, inner, columns }, a, b, c) => {
      call(
        rowMajor,
        notTransposed,
        notTransposed,
        rows,
        columns,
        inner,
        1,
        a,
        inner,
        b,
        columns,
        0,
        c,
        columns,
      );
    };
  };
  return {
    multiplySingle: multiply('cblas_sgemm', 'float'),
    multiplyDouble: multiply('cblas_dgemm', 'double'),
    description: describe(library),
  };

  function tryLoad(name: string): ReturnType<typeof koffi.load> | undefined {
    try {
      return koffi.load(name);
    } catch {
      // Perhaps it goes by the next name.
      return undefined;
    }
  }
}

function describe(library: { func(definition: string): (...args: unknown[]) => unknown }): string {
  try {
    return String(library.func('const char *openblas_get_config()')()).trim();
  } catch {
    // Accelerate has no such function.
    return 'BLAS';
  }
}

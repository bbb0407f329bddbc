/**
 * Multiplies through gpu.js in its WebGPU mode: float32, proof rounds block by block. Rows are hashed here, because
 * gpu.js knows no integers. Without an adapter it does not serve; its own way out, JavaScript on the CPU, is slower
 * than the node's. Runs in the GPU host.
 */
import { checkProduct, checkProofRound } from '../checkRequest.js';
import { engineFailure } from '../engineFailure.js';
import type { EngineInfo, MatrixEngine, ProductResult } from '../matrixEngine.js';
import type { EngineSettings } from '../startEngine.js';
import { type Block, blockedRound, blockInner } from './blockedRound.js';
import { type MatrixRows, openMatrixRows } from './matrixRows.js';
import { ProductCollector } from './productCollector.js';
import { Stopwatch } from './stopwatch.js';
import { adapterInfo, DeviceWatch, openDawn, refuseSoftware } from './webgpuDevice.js';

interface Kernel {
  (a: object, b: object): Promise<readonly Float32Array[]>;
  destroy(): void;
}

/** What is used of gpu.js; its types know neither kernels that answer later nor the device. */
interface GpuJs {
  readonly GPU: new (settings: {
    mode: 'webgpu';
  }) => {
    createKernel(
      source: string,
      settings: { constants: { inner: number }; output: [number, number] },
    ): Kernel;
    destroy(): Promise<void>;
  };
  readonly input: (values: Float32Array, size: [width: number, height: number]) => object;
  readonly WebGPUContext: { acquire(): Promise<{ adapter: GPUAdapter; device: GPUDevice }> };
}

/** As text, because gpu.js translates what it reads, and what a bundler makes of a function is not what was written. */
const source = `function (a, b) {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) {
    sum += a[this.thread.y][k] * b[k][this.thread.x];
  }
  return sum;
}`;

/** B in float32 takes 1 GiB at this size. */
const maxSize = 16_384;
/** Cells of a band, which comes back as a whole. */
const maxBandCells = 2 ** 24;
/** Operations of one call, which cannot be aborted. */
const operationsAtOnce = { hardware: 2 ** 37, software: 2 ** 26 };

export async function startGpujsEngine({ isAllowedSoftware, onLost }: EngineSettings): Promise<MatrixEngine> {
  const gpu = await openDawn();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw engineFailure('no adapter');
  const described = adapterInfo(adapter);
  refuseSoftware(described.isSoftware, isAllowedSoftware, described.device);
  offerToLibraries(gpu);
  const { default: gpujs } = (await import('gpu.js')) as unknown as { default: GpuJs };
  const { device } = await gpujs.WebGPUContext.acquire();
  const watch = new DeviceWatch(device, onLost);
  const maxBytes = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const operations = described.isSoftware ? operationsAtOnce.software : operationsAtOnce.hardware;
  const info: EngineInfo = {
    name: 'gpujs',
    backend: 'gpu',
    ...described,
    maxSize: Math.min(maxSize, Math.floor(maxBytes / (4 * 1_040))),
    takesGivenMatrices: true,
  };

  const bandRowsFor = (rows: number, inner: number, columns: number): number => {
    const affordable = Math.floor(Math.min(operations / (2 * inner * columns), maxBandCells / columns));
    return Math.max(1, Math.min(rows, affordable));
  };
  /** Hands `work` a function that multiplies blocks of one shape; nothing stays on the device after it. */
  async function withKernel<Result>(
    { bandRows, inner, columns }: { bandRows: number; inner: number; columns: number },
    work: (multiply: (block: Block) => Promise<readonly Float32Array[]>) => Promise<Result>,
  ): Promise<Result> {
    watch.begin();
    const library = new gpujs.GPU({ mode: 'webgpu' });
    const kernel = library.createKernel(source, { constants: { inner }, output: [columns, bandRows] });
    try {
      return await work(async ({ a, b }) => {
        const rows = await kernel(gpujs.input(a, [inner, bandRows]), gpujs.input(b, [columns, inner]));
        // A device without memory answers with zeros and says so elsewhere.
        await device.queue.onSubmittedWorkDone();
        watch.check();
        return rows;
      });
    } catch (thrown) {
      // What a lost device does to a job says nothing of the cause.
      watch.check();
      throw thrown;
    } finally {
      await library.destroy();
    }
  }

  return {
    info,
    async proofRound(request, signal) {
      checkProofRound(request, info.maxSize);
      const { size } = request;
      const inner = blockInner(size);
      const bandRows = bandRowsFor(size, inner, size);
      return await withKernel({ bandRows, inner, columns: size }, (multiply) =>
        blockedRound({ request, signal, bandRows, inner, multiply, untold: ['transfer'] }),
      );
    },
    async product(request, signal) {
      checkProduct(request, info.maxSize);
      const matrices = openMatrixRows(request);
      const { rows, inner, columns } = matrices;
      const bandRows = bandRowsFor(rows, inner, columns);
      return await withKernel({ bandRows, inner, columns }, (multiply) =>
        product(multiply, bandRows, matrices, signal),
      );
    },
  };
}

async function product(
  multiply: (block: Block) => Promise<readonly Float32Array[]>,
  bandRows: number,
  { rows, inner, columns, fill }: MatrixRows,
  signal: AbortSignal,
): Promise<ProductResult> {
  const collector = new ProductCollector(rows, columns);
  const watch = new Stopwatch();
  const b = new Float32Array(inner * columns);
  await watch.time('generate', () => fill('B', 0, b));
  for (let first = 0; first < rows; first += bandRows) {
    signal.throwIfAborted();
    const count = Math.min(bandRows, rows - first);
    const a = new Float32Array(bandRows * inner);
    await watch.time('generate', () => fill('A', first, a.subarray(0, count * inner)));
    const cells = await watch.time('multiply', () => multiply({ rows: count, inner, columns, a, b }));
    await watch.time('hash', () => {
      for (const row of cells.slice(0, count)) collector.add(row);
    });
  }
  return { ...collector.result(), timings: watch.timings('transfer') };
}

/** gpu.js looks where a browser has its GPU; Node.js 20 has no `navigator` at all. */
function offerToLibraries(gpu: GPU): void {
  const offered = {
    requestAdapter: () => gpu.requestAdapter({ powerPreference: 'high-performance' }),
  };
  const { navigator } = globalThis as { navigator?: object };
  const holder = navigator ?? {};
  Object.defineProperty(holder, 'gpu', { value: offered, configurable: true });
  if (navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', { value: holder, configurable: true });
  }
}

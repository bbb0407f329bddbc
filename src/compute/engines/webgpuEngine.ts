/**
 * Multiplies on a GPU through WebGPU (Dawn), with shaders of its own: inputs grow on the device, four int8 values to
 * a word, and only leaves of 32 bytes a row come back. B lies on the device whole; A and C pass through in bands of
 * rows, so that no buffer outgrows what the device binds. Runs in the GPU host.
 */
import { leafBytes, maxExactSize } from '../../proof/protocol.js';
import { rowLeaf } from '../../proof/rowTree.js';
import { checkProduct, checkProofRound } from '../checkRequest.js';
import { engineFailure } from '../engineFailure.js';
import type {
  EngineInfo,
  MatrixEngine,
  ProductResult,
  ProofRoundRequest,
  ProofRoundResult,
} from '../matrixEngine.js';
import type { EngineSettings } from '../startEngine.js';
import { type DeviceJob, runOnDevice } from './deviceJob.js';
import { DispatchSize } from './dispatchSize.js';
import { type MatrixRows, openMatrixRows } from './matrixRows.js';
import { cellsAtOnce, ProductCollector } from './productCollector.js';
import { Stopwatch } from './stopwatch.js';
import { adapterInfo, DeviceWatch, openDawn, refuseSoftware } from './webgpuDevice.js';
import { type Product, packedPlaces, roundUp, WebgpuKernels } from './webgpuKernels.js';
import { type CellType, depthStep } from './wgsl/multiply.js';

export interface WebgpuEngineOptions extends EngineSettings {
  /** Uses the arithmetic for devices without a packed dot product. */
  readonly isUnpacked?: boolean;
  /** Treats a software adapter like a GPU where shaders and ways are chosen. */
  readonly isHardwareShaped?: boolean;
  /** Bytes of C on the device at once. */
  readonly maxBandBytes?: number;
}

/** Enough for all of C up to size 8192; more would crowd out the models on the same GPU. */
const defaultBandBytes = 256 * 1_024 * 1_024;
/** Of the first dispatch: milliseconds on a GPU. A software adapter is a hundred times slower. */
const firstOperations = { hardware: 2 ** 33, software: 2 ** 28 };
/** A band of float32 inputs is turned here, on the way to the device. */
const floatBandBytes = 64 * 1_024 * 1_024;
const unaborted = new AbortController().signal;

export async function startWebgpuEngine(options: WebgpuEngineOptions): Promise<MatrixEngine> {
  const gpu = await openDawn();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw engineFailure('no adapter');
  const described = adapterInfo(adapter);
  refuseSoftware(described.isSoftware, options.isAllowedSoftware, described.device);
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
  });
  const watch = new DeviceWatch(device, options.onLost);
  const hasPackedDot = gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product');
  const int8: CellType = hasPackedDot && options.isUnpacked !== true ? 'packedInt8' : 'unpackedInt8';
  const hasSmallTiles = described.isSoftware && options.isHardwareShaped !== true;
  const kernels = new WebgpuKernels(device, hasSmallTiles);
  const maxBytes = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const info: EngineInfo = {
    name: 'webgpu',
    backend: 'webgpu',
    ...described,
    // B is one buffer, padded to whole tiles.
    maxSize: Math.min(maxExactSize, Math.floor(Math.sqrt(maxBytes)) - 128),
    takesGivenMatrices: true,
  };
  const onDevice: OnDevice = {
    kernels,
    int8,
    maxBytes,
    bandBytes: Math.min(maxBytes, options.maxBandBytes ?? defaultBandBytes),
    dispatchSize: new DispatchSize(
      described.isSoftware ? firstOperations.software : firstOperations.hardware,
    ),
    isHashing: options.hashing === 'device',
  };
  const run = <Result>(signal: AbortSignal, work: (job: DeviceJob) => Promise<Result>): Promise<Result> =>
    runOnDevice(device, watch, signal, work);
  if (options.hashing === 'auto' && !hasSmallTiles) {
    onDevice.isHashing = await run(unaborted, (job) => isDeviceFasterAtHashing(job, kernels));
  }

  return {
    info,
    async proofRound(request, signal) {
      checkProofRound(request, info.maxSize);
      return await run(signal, (job) => proofRound(job, onDevice, request));
    },
    async product(request, signal) {
      checkProduct(request, info.maxSize);
      const matrices = openMatrixRows(request);
      return await run(signal, (job) => product(job, onDevice, matrices));
    },
  };
}

interface OnDevice {
  readonly kernels: WebgpuKernels;
  readonly int8: CellType;
  /** Of one buffer. */
  readonly maxBytes: number;
  readonly bandBytes: number;
  readonly dispatchSize: DispatchSize;
  /** Leaves are made on the device; otherwise C is read back and hashed here. */
  isHashing: boolean;
}

async function proofRound(
  job: DeviceJob,
  { kernels, int8, bandBytes, dispatchSize, isHashing }: OnDevice,
  { size, keyA, keyB }: ProofRoundRequest,
): Promise<ProofRoundResult> {
  const shape = kernels.shapeFor(size);
  const { tile } = shape;
  const places = packedPlaces(size);
  const columnPitch = roundUp(size, tile);
  const bandRows = bandRowsFor(size, size, tile, bandBytes);
  const stream = job.buffer(WebgpuKernels.streamBytes(size));
  const a = job.buffer(places * bandRows * 4);
  const b = job.buffer(places * columnPitch * 4);
  const c = job.buffer(Math.min(bandRows, size) * size * 4);
  const leafBuffer = job.buffer(bandRows * leafBytes);
  const leaves = new Uint8Array(size * leafBytes);
  const middle = Math.floor(size / 2);
  const samples: [number, number] = [0, 0];
  await kernels.prepareGrowing();
  await kernels.prepareMultiplying(int8, shape);
  if (isHashing) await kernels.prepareHashing();

  const watch = new Stopwatch();
  await watch.time('generate', () =>
    kernels.growColumns(job, { size, key: keyB, stream, target: b, pitch: columnPitch }),
  );
  const product = {
    shape,
    cells: int8,
    a,
    b,
    c,
    pitchA: bandRows,
    pitchB: columnPitch,
    places,
    columns: size,
  };
  for (let first = 0; first < size; first += bandRows) {
    const rows = Math.min(bandRows, size - first);
    await watch.time('generate', () =>
      kernels.growRows(job, { size, key: keyA, stream, target: a, pitch: bandRows }, first, first + rows),
    );
    await watch.time('multiply', () =>
      multiplyBand(job, { kernels, dispatchSize }, { ...product, rows }, size),
    );
    const bandLeaves = leaves.subarray(first * leafBytes, (first + rows) * leafBytes);
    if (isHashing) {
      await watch.time('hash', () => {
        kernels.hashRows(job, { cells: c, leaves: leafBuffer, columns: size }, rows, first);
        return job.finish();
      });
      await watch.time('transfer', () => readInto(job, leafBuffer, bandLeaves));
    } else {
      const hashMs = await watch.time('transfer', () =>
        hashHere(job, c, { columns: size, first }, bandLeaves),
      );
      watch.move('transfer', 'hash', hashMs);
    }
    if (first === 0) samples[0] = await readCell(job, c, 0);
    if (first <= middle && middle < first + rows) {
      samples[1] = await readCell(job, c, (middle - first) * size + middle);
    }
  }
  return { leaves, samples, timings: watch.timings() };
}

async function product(
  job: DeviceJob,
  { kernels, maxBytes, bandBytes, dispatchSize }: OnDevice,
  matrices: MatrixRows,
): Promise<ProductResult> {
  const { rows, inner, columns } = matrices;
  const shape = kernels.shapeFor(Math.min(rows, columns));
  const { tile } = shape;
  const places = roundUp(inner, depthStep);
  const columnPitch = roundUp(columns, tile);
  if (places * Math.max(columnPitch, tile) * 4 > maxBytes)
    throw engineFailure('the matrices do not fit the device');
  const bandRows = bandRowsFor(rows, Math.max(inner, columns), tile, Math.min(bandBytes, floatBandBytes));
  const a = job.buffer(places * bandRows * 4);
  const b = job.buffer(places * columnPitch * 4);
  const c = job.buffer(Math.min(bandRows, rows) * columns * 4);
  const collector = new ProductCollector(rows, columns);
  await kernels.prepareMultiplying('float32', shape);

  const watch = new Stopwatch();
  await uploadRows(job, watch, matrices, { buffer: b, pitch: columnPitch });
  const shared = {
    shape,
    cells: 'float32',
    a,
    b,
    c,
    pitchA: bandRows,
    pitchB: columnPitch,
    places,
    columns,
  } as const;
  for (let first = 0; first < rows; first += bandRows) {
    const count = Math.min(bandRows, rows - first);
    await uploadTurned(job, watch, matrices, { buffer: a, pitch: bandRows, first, count });
    await watch.time('multiply', () =>
      multiplyBand(job, { kernels, dispatchSize }, { ...shared, rows: count }, inner),
    );
    let hashMs = 0;
    await watch.time('transfer', () =>
      job.readPieces(
        c,
        { bytes: count * columns * 4, unitBytes: 4, maxPieceBytes: cellsAtOnce * 4 },
        (piece) => {
          const startedMs = performance.now();
          collector.add(new Float32Array(piece));
          hashMs += performance.now() - startedMs;
        },
      ),
    );
    watch.move('transfer', 'hash', hashMs);
  }
  return { ...collector.result(), timings: watch.timings() };
}

/** B: a line of the device's memory is a row of it. */
async function uploadRows(
  job: DeviceJob,
  watch: Stopwatch,
  { inner, columns, fill }: MatrixRows,
  { buffer, pitch }: { readonly buffer: GPUBuffer; readonly pitch: number },
): Promise<void> {
  const rowsAtOnce = Math.max(1, Math.floor(cellsAtOnce / pitch));
  for (let first = 0; first < inner; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, inner - first);
    const values = new Float32Array(count * columns);
    await watch.time('generate', () => fill('B', first, values));
    await watch.time('transfer', () => {
      const lines = new Float32Array(count * pitch);
      for (let row = 0; row < count; row++) {
        lines.set(values.subarray(row * columns, (row + 1) * columns), row * pitch);
      }
      job.write(buffer, first * pitch * 4, lines);
      return job.finish();
    });
  }
}

/** A band of A: a line of the device's memory holds one column of it. */
async function uploadTurned(
  job: DeviceJob,
  watch: Stopwatch,
  { inner, fill }: MatrixRows,
  band: {
    readonly buffer: GPUBuffer;
    readonly pitch: number;
    readonly first: number;
    readonly count: number;
  },
): Promise<void> {
  const { buffer, pitch, first, count } = band;
  const values = new Float32Array(count * inner);
  await watch.time('generate', () => fill('A', first, values));
  const placesAtOnce = Math.max(1, Math.floor(cellsAtOnce / pitch));
  for (let place = 0; place < inner; place += placesAtOnce) {
    await watch.time('transfer', () => {
      const places = Math.min(placesAtOnce, inner - place);
      const lines = new Float32Array(places * pitch);
      for (let row = 0; row < count; row++) {
        for (let at = 0; at < places; at++) lines[at * pitch + row] = values[row * inner + place + at]!;
      }
      job.write(buffer, place * pitch * 4, lines);
      return job.finish();
    });
  }
}

/** All rows of a band, in as many dispatches as the device wants. */
async function multiplyBand(
  job: DeviceJob,
  { kernels, dispatchSize }: Pick<OnDevice, 'kernels' | 'dispatchSize'>,
  product: Product,
  inner: number,
): Promise<void> {
  const { rows, columns, shape } = product;
  const operationsPerRow = 2 * inner * columns;
  let end = 0;
  for (let row = 0; row < rows; row = end) {
    end = Math.min(rows, row + dispatchSize.rows(operationsPerRow, shape.tile));
    const startedMs = performance.now();
    kernels.multiply(job, product, row, end);
    await job.finish();
    dispatchSize.learn((end - row) * operationsPerRow, performance.now() - startedMs);
  }
}

/** As many rows as the bytes hold, in whole tiles. */
function bandRowsFor(rows: number, columns: number, tile: number, bandBytes: number): number {
  return Math.max(tile, Math.min(roundUp(rows, tile), Math.floor(bandBytes / (columns * 4) / tile) * tile));
}

async function readInto(job: DeviceJob, buffer: GPUBuffer, target: Uint8Array): Promise<void> {
  await job.readPieces(buffer, { bytes: target.length, unitBytes: 1 }, (piece, at) => {
    target.set(new Uint8Array(piece), at);
  });
}

async function readCell(job: DeviceJob, cells: GPUBuffer, at: number): Promise<number> {
  let value = 0;
  await job.readPieces(cells, { offset: at * 4, bytes: 4, unitBytes: 4 }, (piece) => {
    value = new Int32Array(piece)[0]!;
  });
  return value;
}

/** Reads C back and makes its leaves; returns the milliseconds of hashing alone. */
async function hashHere(
  job: DeviceJob,
  cells: GPUBuffer,
  { columns, first }: { readonly columns: number; readonly first: number },
  leaves: Uint8Array,
): Promise<number> {
  const rowBytes = columns * 4;
  let spentMs = 0;
  const bytes = (leaves.length / leafBytes) * rowBytes;
  await job.readPieces(cells, { bytes, unitBytes: rowBytes }, (piece, firstRow) => {
    const startedMs = performance.now();
    for (let row = 0; row * rowBytes < piece.byteLength; row++) {
      const leaf = rowLeaf(first + firstRow + row, new Uint8Array(piece, row * rowBytes, rowBytes));
      leaves.set(leaf, (firstRow + row) * leafBytes);
    }
    spentMs += performance.now() - startedMs;
  });
  return spentMs;
}

/**
 * Makes the leaves of the same rows both ways. The device has few rows to work on at once here; with more it gains,
 * so where it wins at this size it wins at every larger one.
 */
async function isDeviceFasterAtHashing(job: DeviceJob, kernels: WebgpuKernels): Promise<boolean> {
  await kernels.prepareHashing();
  const size = 1_024;
  const cells = job.buffer(size * size * 4);
  const target = job.buffer(size * leafBytes);
  const leaves = new Uint8Array(size * leafBytes);
  const ways = [
    async () => {
      kernels.hashRows(job, { cells, leaves: target, columns: size }, size, 0);
      await readInto(job, target, leaves);
    },
    () => hashHere(job, cells, { columns: size, first: 0 }, leaves),
  ];
  const spentMs: number[] = [];
  for (const way of ways) {
    await way();
    const startedMs = performance.now();
    await way();
    spentMs.push(performance.now() - startedMs);
  }
  return spentMs[0]! < spentMs[1]!;
}

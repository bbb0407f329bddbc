/** The compiled shaders of the WebGPU engine, and how each is dispatched. Runs in the GPU host. */
import type { DeviceJob } from './deviceJob.js';
import { keystreamShader, keystreamWorkgroup } from './wgsl/keystream.js';
import { type CellType, depthStep, multiplyShader, type TileShape } from './wgsl/multiply.js';
import { packShader, packWorkgroup } from './wgsl/pack.js';
import { rowHashShader, rowHashWorkgroup } from './wgsl/rowHash.js';

const keystreamBlockBytes = 64;
/** Keystream that exists at once, on its way into a packed matrix. */
const streamBytes = 32 * 1_024 * 1_024;
/** From here on a matrix fills large tiles, which read memory less often. The self-test uses both kinds. */
const largeTileFrom = 256;
const largeTile: TileShape = { tile: 128, side: 8 };
const smallTile: TileShape = { tile: 64, side: 8 };
/** A software adapter gains nothing by larger tiles and takes seconds to compile them. */
const softwareTile: TileShape = { tile: 32, side: 4 };

export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
/** Words along the inner dimension of a packed matrix. */
export const packedPlaces = (size: number): number => roundUp(Math.ceil(size / 4), depthStep);

export interface GrownLines {
  readonly size: number;
  readonly key: Uint8Array;
  readonly stream: GPUBuffer;
  readonly target: GPUBuffer;
  /** Lines for which the target has room. */
  readonly pitch: number;
}

export interface Product {
  readonly shape: TileShape;
  readonly cells: CellType;
  readonly a: GPUBuffer;
  readonly b: GPUBuffer;
  readonly c: GPUBuffer;
  /** Lines for which A and B have room, multiples of the tile. */
  readonly pitchA: number;
  readonly pitchB: number;
  /** Along the inner dimension, padding included. */
  readonly places: number;
  readonly rows: number;
  readonly columns: number;
}

type KernelName = 'keystream' | 'pack' | 'rowHash' | `multiply ${CellType} ${number}`;

export class WebgpuKernels {
  readonly #device: GPUDevice;
  readonly #isSoftware: boolean;
  readonly #pipelines = new Map<KernelName, GPUComputePipeline>();

  constructor(device: GPUDevice, isSoftware: boolean) {
    this.#device = device;
    this.#isSoftware = isSoftware;
  }

  shapeFor(size: number): TileShape {
    if (this.#isSoftware) return softwareTile;
    return size >= largeTileFrom ? largeTile : smallTile;
  }

  /** Compiles what growing inputs takes, unless it is there already; so do the other two for their parts. */
  async prepareGrowing(): Promise<void> {
    await this.#compile('keystream', () => keystreamShader);
    await this.#compile('pack', () => packShader);
  }

  async prepareMultiplying(cells: CellType, shape: TileShape): Promise<void> {
    await this.#compile(`multiply ${cells} ${shape.tile}`, () => multiplyShader(cells, shape));
  }

  async prepareHashing(): Promise<void> {
    await this.#compile('rowHash', () => rowHashShader);
  }

  async #compile(name: KernelName, code: () => string): Promise<void> {
    if (this.#pipelines.has(name)) return;
    const module = this.#device.createShaderModule({ code: code() });
    const compute = { module, entryPoint: 'main' };
    this.#pipelines.set(name, await this.#device.createComputePipelineAsync({ layout: 'auto', compute }));
  }

  /** What `stream` must hold for matrices of this size. */
  static streamBytes(size: number): number {
    const whole = Math.min(size * size, Math.max(streamBytes, size * 4));
    return roundUp(whole, keystreamBlockBytes) + keystreamBlockBytes;
  }

  /** Rows `from` to `to` of A: the target's lines are rows, from 0 on. */
  async growRows(job: DeviceJob, lines: GrownLines, from: number, to: number): Promise<void> {
    await this.#forPieces(job, lines.size, from, to, (first, end) => {
      const start = this.#fillStream(job, lines, first, end);
      const uniforms = [end - first, lines.size, lines.size, 1, start, lines.pitch, first - from, 0];
      this.#packInto(job, lines, uniforms);
    });
  }

  /** All of B: the target's lines are columns. */
  async growColumns(job: DeviceJob, lines: GrownLines): Promise<void> {
    const { size, pitch } = lines;
    await this.#forPieces(job, size, 0, size, (first, end) => {
      const start = this.#fillStream(job, lines, first, end);
      this.#packInto(job, lines, [size, end - first, 1, size, start, pitch, 0, first / 4]);
    });
  }

  /** Rows `from` to `to` of C. */
  multiply(job: DeviceJob, product: Product, from: number, to: number): void {
    const { shape, cells, a, b, c, pitchA, pitchB, places, rows, columns } = product;
    const { tile } = shape;
    job.dispatch({
      pipeline: this.#pipelines.get(`multiply ${cells} ${tile}`)!,
      uniforms: [pitchA / 4, pitchB / 4, places / depthStep, from, rows, columns],
      buffers: [a, b, c],
      groups: [Math.ceil(columns / tile), Math.ceil((to - from) / tile)],
    });
  }

  /** @param firstIndex of the first row in the whole product */
  hashRows(
    job: DeviceJob,
    rows: { readonly cells: GPUBuffer; readonly leaves: GPUBuffer; readonly columns: number },
    count: number,
    firstIndex: number,
  ): void {
    job.dispatch({
      pipeline: this.#pipelines.get('rowHash')!,
      uniforms: [rows.columns, count, firstIndex],
      buffers: [rows.cells, rows.leaves],
      groups: [Math.ceil(count / rowHashWorkgroup)],
    });
  }

  /** Pieces of rows that fit into the stream's buffer; each but the last is a multiple of four. */
  async #forPieces(
    job: DeviceJob,
    size: number,
    from: number,
    to: number,
    grow: (first: number, end: number) => void,
  ): Promise<void> {
    const atOnce = Math.max(4, Math.floor(streamBytes / size / 4) * 4);
    for (let first = from; first < to; first += atOnce) {
      grow(first, Math.min(to, first + atOnce));
      await job.finish();
    }
  }

  /** @returns where in the stream's buffer row `first` begins */
  #fillStream(job: DeviceJob, { key, size, stream }: GrownLines, first: number, end: number): number {
    const start = (first * size) % keystreamBlockBytes;
    const firstBlock = (first * size - start) / keystreamBlockBytes;
    const blocks = Math.ceil((start + (end - first) * size) / keystreamBlockBytes);
    const words = new Uint32Array(8);
    new Uint8Array(words.buffer).set(key);
    job.dispatch({
      pipeline: this.#pipelines.get('keystream')!,
      uniforms: [...words, firstBlock, blocks],
      buffers: [stream],
      groups: [Math.ceil(blocks / keystreamWorkgroup)],
    });
    return start;
  }

  #packInto(job: DeviceJob, { stream, target }: GrownLines, uniforms: readonly number[]): void {
    const [lines = 0, values = 0] = uniforms;
    job.dispatch({
      pipeline: this.#pipelines.get('pack')!,
      uniforms,
      buffers: [stream, target],
      groups: [Math.ceil(lines / packWorkgroup), Math.ceil(values / 4 / packWorkgroup)],
    });
  }
}

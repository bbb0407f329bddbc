/** The compiled shaders of the WebGPU engine, and how each is dispatched. Runs in the GPU host. */
import type { DeviceJob } from './deviceJob.js';
import { keystreamShader, keystreamWorkgroup } from './wgsl/keystream.js';
import { type CellType, depthStep, multiplyShader } from './wgsl/multiply.js';
import { packShader, packWorkgroup } from './wgsl/pack.js';
import { rowHashShader, rowHashWorkgroup } from './wgsl/rowHash.js';

const keystreamBlockBytes = 64;
/** Keystream that exists at once, on its way into a packed matrix. */
const streamBytes = 64 * 1_024 * 1_024;
/** From here on a matrix fills large tiles, which read memory less often. The self-test uses both kinds. */
const largeTileFrom = 256;

export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
export const tileFor = (size: number): number => (size >= largeTileFrom ? 128 : 64);
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
  readonly tile: number;
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

export class WebgpuKernels {
  readonly #keystream: GPUComputePipeline;
  readonly #pack: GPUComputePipeline;
  readonly #rowHash: GPUComputePipeline;
  readonly #multiply: ReadonlyMap<string, GPUComputePipeline>;

  private constructor(
    basic: { keystream: GPUComputePipeline; pack: GPUComputePipeline; rowHash: GPUComputePipeline },
    multiply: ReadonlyMap<string, GPUComputePipeline>,
  ) {
    this.#keystream = basic.keystream;
    this.#pack = basic.pack;
    this.#rowHash = basic.rowHash;
    this.#multiply = multiply;
  }

  /** Rejects when the device does not take a shader. */
  static async compile(device: GPUDevice, cellTypes: readonly CellType[]): Promise<WebgpuKernels> {
    const compile = (code: string): Promise<GPUComputePipeline> =>
      device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
      });
    const multiply = new Map<string, GPUComputePipeline>();
    for (const cells of cellTypes) {
      for (const tile of [64, 128]) {
        multiply.set(`${cells} ${tile}`, await compile(multiplyShader({ tile, cells })));
      }
    }
    const basic = {
      keystream: await compile(keystreamShader),
      pack: await compile(packShader),
      rowHash: await compile(rowHashShader),
    };
    return new WebgpuKernels(basic, multiply);
  }

  /** What `stream` must hold for matrices of this size. */
  static streamBytes(size: number): number {
    const whole = Math.min(size * size, Math.max(streamBytes, size * 4));
    return roundUp(whole, keystreamBlockBytes) + keystreamBlockBytes;
  }

  /** Rows `from` to `to` of A: the target's lines are rows, from 0 on. */
  growRows(job: DeviceJob, lines: GrownLines, from: number, to: number): void {
    this.#forPieces(lines.size, from, to, (first, end) => {
      const start = this.#fillStream(job, lines, first, end);
      const uniforms = [end - first, lines.size, lines.size, 1, start, lines.pitch, first - from, 0];
      this.#packInto(job, lines, uniforms);
    });
  }

  /** All of B: the target's lines are columns. */
  growColumns(job: DeviceJob, lines: GrownLines): void {
    const { size, pitch } = lines;
    this.#forPieces(size, 0, size, (first, end) => {
      const start = this.#fillStream(job, lines, first, end);
      this.#packInto(job, lines, [size, end - first, 1, size, start, pitch, 0, first / 4]);
    });
  }

  /** Rows `from` to `to` of C. */
  multiply(job: DeviceJob, product: Product, from: number, to: number): void {
    const { tile, cells, a, b, c, pitchA, pitchB, places, rows, columns } = product;
    job.dispatch({
      pipeline: this.#multiply.get(`${cells} ${tile}`)!,
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
      pipeline: this.#rowHash,
      uniforms: [rows.columns, count, firstIndex],
      buffers: [rows.cells, rows.leaves],
      groups: [Math.ceil(count / rowHashWorkgroup)],
    });
  }

  /** Pieces of rows that fit into the stream's buffer; each but the last is a multiple of four. */
  #forPieces(size: number, from: number, to: number, grow: (first: number, end: number) => void): void {
    const atOnce = Math.max(4, Math.floor(streamBytes / size / 4) * 4);
    for (let first = from; first < to; first += atOnce) grow(first, Math.min(to, first + atOnce));
  }

  /** @returns where in the stream's buffer row `first` begins */
  #fillStream(job: DeviceJob, { key, size, stream }: GrownLines, first: number, end: number): number {
    const start = (first * size) % keystreamBlockBytes;
    const firstBlock = (first * size - start) / keystreamBlockBytes;
    const blocks = Math.ceil((start + (end - first) * size) / keystreamBlockBytes);
    const words = new Uint32Array(8);
    new Uint8Array(words.buffer).set(key);
    job.dispatch({
      pipeline: this.#keystream,
      uniforms: [...words, firstBlock, blocks],
      buffers: [stream],
      groups: [Math.ceil(blocks / keystreamWorkgroup)],
    });
    return start;
  }

  #packInto(job: DeviceJob, { stream, target }: GrownLines, uniforms: readonly number[]): void {
    const [lines = 0, values = 0] = uniforms;
    job.dispatch({
      pipeline: this.#pack,
      uniforms,
      buffers: [stream, target],
      groups: [Math.ceil(lines / packWorkgroup), Math.ceil(values / 4 / packWorkgroup)],
    });
  }
}

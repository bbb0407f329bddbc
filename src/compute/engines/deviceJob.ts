/**
 * One job on a WebGPU device: its buffers, which are given back at its end so that the model servers beside the node
 * have the memory, and its dispatches. Runs in the GPU host.
 */
import { engineFailure } from '../engineFailure.js';
import type { DeviceWatch } from './webgpuDevice.js';

export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  /** Become binding 0. */
  readonly uniforms: ArrayLike<number>;
  /** From binding 1 on. */
  readonly buffers: readonly GPUBuffer[];
  readonly groups: readonly [x: number, y?: number];
}

export interface Range {
  readonly offset?: number;
  readonly bytes: number;
  readonly unitBytes: number;
  readonly maxPieceBytes?: number;
}

/** Read back at once; a larger piece would be held twice. */
const pieceBytes = 64 * 1_024 * 1_024;
const errorKinds = ['validation', 'out-of-memory', 'internal'] as const;

/** Runs `work`; rejects when the device reports any error meanwhile, whatever the result looks like. */
export async function runOnDevice<Result>(
  device: GPUDevice,
  watch: DeviceWatch,
  signal: AbortSignal,
  work: (job: DeviceJob) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  watch.begin();
  for (const kind of errorKinds) device.pushErrorScope(kind);
  const job = new DeviceJob(device, watch, signal);
  const outcome = await work(job).then(
    (result) => ({ result }),
    (thrown: unknown) => ({ thrown }),
  );
  job.release();
  const errors = await Promise.all(errorKinds.map(() => device.popErrorScope()));
  const error = errors.find((each) => each !== null);
  watch.check();
  if (error) throw engineFailure(error.message);
  if ('thrown' in outcome) throw outcome.thrown;
  return outcome.result;
}

export class DeviceJob {
  readonly #device: GPUDevice;
  readonly #watch: DeviceWatch;
  readonly #signal: AbortSignal;
  readonly #buffers: GPUBuffer[] = [];

  constructor(device: GPUDevice, watch: DeviceWatch, signal: AbortSignal) {
    this.#device = device;
    this.#watch = watch;
    this.#signal = signal;
  }

  /** Of zeros. */
  buffer(bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    return this.#create(Math.ceil(bytes / 16) * 16, STORAGE | COPY_SRC | COPY_DST);
  }

  write(buffer: GPUBuffer, offset: number, data: Float32Array<ArrayBuffer>): void {
    this.#device.queue.writeBuffer(buffer, offset, data);
  }

  dispatch({ pipeline, uniforms, buffers, groups }: Dispatch): void {
    const { UNIFORM, COPY_DST } = GPUBufferUsage;
    const params = this.#create(Math.ceil(uniforms.length / 4) * 16, UNIFORM | COPY_DST);
    this.#device.queue.writeBuffer(params, 0, Uint32Array.from(uniforms));
    const bindGroup = this.#device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [params, ...buffers].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...groups);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  /** Waits for what was dispatched; rejects when the job was aborted or the device reports an error. */
  async finish(): Promise<void> {
    await this.#device.queue.onSubmittedWorkDone();
    this.#watch.check();
    this.#signal.throwIfAborted();
  }

  /** Hands over pieces that hold whole units; a piece is valid during its call only. */
  async readPieces(
    buffer: GPUBuffer,
    range: Range,
    onPiece: (piece: ArrayBuffer, firstUnit: number) => void,
  ): Promise<void> {
    const { offset = 0, bytes, unitBytes, maxPieceBytes = pieceBytes } = range;
    const unitsAtOnce = Math.max(1, Math.floor(maxPieceBytes / unitBytes));
    const atOnce = Math.min(bytes, unitsAtOnce * unitBytes);
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const staging = this.#create(atOnce, MAP_READ | COPY_DST);
    for (let done = 0; done < bytes; done += atOnce) {
      const length = Math.min(atOnce, bytes - done);
      const encoder = this.#device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset + done, staging, 0, length);
      this.#device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ, 0, length);
      onPiece(staging.getMappedRange(0, length), done / unitBytes);
      staging.unmap();
      this.#watch.check();
      this.#signal.throwIfAborted();
    }
  }

  release(): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
  }

  #create(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#device.createBuffer({ size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }
}

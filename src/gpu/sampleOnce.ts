/** The GPUs of this machine, sampled once as a running node samples them. Runs in the command line. */
import type { GpuSample } from '../lib/gpuStat.js';
import type { Logger } from '../logger/logger.js';
import { createGpuSampler } from './gpuSampler.js';

const pollMs = 50;

export interface SampleOnceOptions {
  readonly log: Logger;
  readonly patienceMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** `undefined` when there is none, or none was found in time. */
export async function sampleGpusOnce(options: SampleOnceOptions): Promise<GpuSample | undefined> {
  const { log, patienceMs, signal } = options;
  const sampler = createGpuSampler({ log });
  const deadlineMs = performance.now() + patienceMs;
  const isWaiting = (): boolean => performance.now() < deadlineMs && signal?.aborted !== true;
  while (sampler.status().missing === 'not_sampled' && isWaiting()) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const latest = sampler.latest();
  await sampler.close();
  return latest;
}

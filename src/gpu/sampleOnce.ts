/** The GPUs of this machine, sampled once as a running node samples them. Runs in the command line. */
import type { GpuSample } from '../lib/gpuStat.js';
import type { Logger } from '../logger/logger.js';
import { createGpuSampler } from './gpuSampler.js';

const pollMs = 50;

/** `undefined` when there is none, or none was found in time. */
export async function sampleGpusOnce(log: Logger, patienceMs: number): Promise<GpuSample | undefined> {
  const sampler = createGpuSampler({ log });
  const deadlineMs = performance.now() + patienceMs;
  while (sampler.status().missing === 'not_sampled' && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const latest = sampler.latest();
  await sampler.close();
  return latest;
}

/**
 * `fxn gpu info`: samples the GPUs once and starts every compute engine, as a node would, and says what came of it.
 * Runs in the command line.
 */
import { createComputePool } from '../compute/computePool.js';
import { createCpuEngine } from '../compute/cpuEngine.js';
import { type HostEngine, startGpuHost } from '../compute/gpuHost.js';
import { checkEngine } from '../compute/selfTest.js';
import { createGpuSampler } from '../gpu/gpuSampler.js';
import type { GpuSample, GpuStat } from '../lib/gpuStat.js';
import { createLogger } from '../logger/logger.js';
import type { CliIo } from './cliIo.js';
import { exitCodes } from './exitCode.js';

export interface GpuInfoOptions {
  readonly gpu: 'auto' | 'off' | 'webgpu' | 'cuda';
  readonly json?: boolean | undefined;
}

interface EngineReport {
  readonly engine: string;
  readonly state: 'ready' | 'disabled';
  readonly device: string | null;
  readonly reason: string | null;
}

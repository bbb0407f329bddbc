/** `GPU_STATS`: the last sample of this machine's GPUs, with its time and where it came from. Runs in main. */
import * as Type from 'typebox';
import type { GpuSample } from '../lib/gpuStat.js';
import { type Challenger, defineChallenger } from './challenger.js';

const deadlineMs = 5_000;

/** @param latest the last sample; `undefined` while there is none that is recent */
export function createGpuStatsChallenger(latest: () => GpuSample | undefined): Challenger {
  return defineChallenger({
    type: 'GPU_STATS',
    payload: Type.Unknown(),
    deadlineMs,
    run: async () => {
      const sample = latest();
      return {
        gpuStats: sample?.stats ?? null,
        sampledAt: sample === undefined ? null : Math.floor(sample.sampledAtMs / 1_000),
        source: sample?.source ?? null,
      };
    },
  });
}

/**
 * NVIDIA GPUs that have no memory of their own (GB10, Jetson): their driver answers "not supported" when asked for
 * it, and what they can use is the machine's memory. A GPU of another kind without figures has a fault, so only known
 * names count. Runs in main.
 */
import { freemem, totalmem } from 'node:os';
import type { GpuFigures } from './gpuReading.js';

export interface MachineMemory {
  readonly totalBytes: number;
  /** What programs could still get, caches included. */
  readonly freeBytes: number;
}

const integrated = /\b(?:GB10|Orin|Xavier|Thor|Tegra)\b/i;
const mib = 1024 * 1024;

export const machineMemory = (): MachineMemory => ({ totalBytes: totalmem(), freeBytes: freemem() });

/** The figures, with the machine's memory in place of missing ones where the GPU shares it. */
export function withUnifiedMemory(
  figures: GpuFigures,
  isUnmeasured: boolean,
  memory: MachineMemory,
): GpuFigures {
  if (!isUnmeasured || typeof figures.name !== 'string' || !integrated.test(figures.name)) return figures;
  return {
    ...figures,
    totalMb: memory.totalBytes / mib,
    freeMb: memory.freeBytes / mib,
    usedMb: (memory.totalBytes - memory.freeBytes) / mib,
    hasUnifiedMemory: true,
  };
}

/**
 * NVIDIA GPUs through the driver's own library, asked in the telemetry process; only where the library's file exists.
 * Runs in main.
 */
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { isRecord } from '../lib/unknownJson.js';
import { foundOrNone, type GpuReader } from './gpuReader.js';
import { type GpuFigures, type GpuReading, gpuReading } from './gpuReading.js';
import type { TelemetryProcess } from './telemetryProcess.js';
import { type MachineMemory, machineMemory, withUnifiedMemory } from './unifiedMemory.js';

/** Where drivers, container runtimes and Windows keep the library. */
export function nvmlPaths(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv): string[] {
  if (platform === 'win32') return [join(environment['SystemRoot'] ?? 'C:\\Windows', 'System32', 'nvml.dll')];
  if (platform !== 'linux') return [];
  const folders = [
    ...(environment['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter(Boolean),
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/usr/lib/wsl/lib',
    '/usr/local/nvidia/lib64',
    '/run/opengl-driver/lib',
  ];
  return folders.map((folder) => join(folder, 'libnvidia-ml.so.1'));
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path);
      return path;
    } catch {
      // Perhaps in the next folder.
    }
  }
  return undefined;
}

/** `found` as the telemetry process sent it. */
export function parseNvml(found: unknown, memory: MachineMemory = machineMemory()): GpuReading[] {
  if (!Array.isArray(found)) return [];
  return (found as readonly unknown[]).filter(isRecord).map((entry) => {
    const figures: GpuFigures = entry;
    return gpuReading(withUnifiedMemory(figures, typeof figures.totalMb !== 'number', memory));
  });
}

export function createNvmlReader(
  telemetry: TelemetryProcess,
  paths: readonly string[] = nvmlPaths(process.platform, process.env),
): GpuReader {
  return {
    source: 'nvml',
    async read(signal) {
      const library = await firstExisting(paths);
      if (library === undefined) return { kind: 'absent' };
      const answer = await telemetry.ask({ kind: 'nvml', library }, signal);
      return answer.kind === 'answered' ? foundOrNone(parseNvml(answer.found)) : answer;
    },
    close: () => telemetry.close(),
  };
}

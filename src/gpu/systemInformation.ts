/**
 * The last resort: what the library `systeminformation` says of graphics controllers. It starts tools and waits for
 * them without letting anything else run, so it is asked in the telemetry process. Parser and reader run in main.
 *
 * Not used on Linux: its memory there is the size of a PCI window, except for NVIDIA, where it asks the very
 * `nvidia-smi` that has failed before. Intel's graphics are left out everywhere, except cards of the Arc and Data
 * Center series: the others share the machine's memory and no source tells how much of it they may use.
 */

import { isRecord } from '../lib/unknownJson.js';
import { foundOrNone, type GpuReader } from './gpuReader.js';
import { type GpuReading, gpuReading } from './gpuReading.js';
import type { TelemetryProcess } from './telemetryProcess.js';
import { isVirtualAdapter } from './virtualAdapter.js';

const intelCard = /\b(?:Arc|Data Center GPU|Flex|Max)\b/i;
/** Windows counts the memory of an adapter in 32 bits where its driver does not tell more. */
const counterLimitMb = 4095;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** `controllers` as the library gives them. */
export function parseControllers(controllers: unknown, platform: NodeJS.Platform): GpuReading[] {
  if (!Array.isArray(controllers)) return [];
  const readings: GpuReading[] = [];
  for (const controller of controllers as readonly unknown[]) {
    if (!isRecord(controller)) continue;
    const [vendor, model, name] = [controller['vendor'], controller['model'], controller['name']].map(textOf);
    if (isVirtualAdapter(vendor, model, name)) continue;
    if (/\bintel\b/i.test(`${vendor} ${model}`) && !intelCard.test(`${model} ${name}`)) continue;
    const { memoryTotal, vram, vramDynamic } = controller;
    const isWhole =
      platform === 'win32' && vramDynamic !== true && typeof vram === 'number' && vram < counterLimitMb;
    const isBeyond = platform === 'win32' && typeof vram === 'number' && vram > counterLimitMb + 1;
    const totalMb = typeof memoryTotal === 'number' ? memoryTotal : isWhole || isBeyond ? vram : undefined;
    const reading = gpuReading({
      name: name || model,
      driverVersion: controller['driverVersion'],
      totalMb,
      usedMb: controller['memoryUsed'],
      freeMb: controller['memoryFree'],
      utilizationGpu: controller['utilizationGpu'],
      utilizationMemory: controller['utilizationMemory'],
      temperatureC: controller['temperatureGpu'],
      powerW: controller['powerDraw'],
      smClockMhz: controller['clockCore'],
      memoryClockMhz: controller['clockMemory'],
    });
    if (reading.stat.vram_total_mb !== null) readings.push(reading);
  }
  return readings;
}

export function createSystemInformationReader(
  telemetry: TelemetryProcess,
  platform: NodeJS.Platform = process.platform,
): GpuReader {
  return {
    source: 'systeminformation',
    async read(signal) {
      if (platform === 'linux') return { kind: 'absent' };
      const answer = await telemetry.ask({ kind: 'systeminformation' }, signal);
      return answer.kind === 'answered' ? foundOrNone(parseControllers(answer.found, platform)) : answer;
    },
    close: () => telemetry.close(),
  };
}

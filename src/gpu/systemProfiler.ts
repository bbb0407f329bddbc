/**
 * GPUs of a Mac. Those of Apple's chips share the machine's memory, so its total is the machine's and its use is the
 * use of the machine's memory by everything; how busy the GPU is no tool tells without root. Runs in main.
 */

import { isRecord, parseJson } from '../lib/unknownJson.js';
import { foundOrNone, type GpuReader } from './gpuReader.js';
import { type GpuReading, gpuReading, wording } from './gpuReading.js';
import { runTool, type ToolCall, toolFailure } from './runTool.js';
import { isVirtualAdapter } from './virtualAdapter.js';

const mib = 1024 * 1024;

/** Bytes in use by programs, the kernel and the compressor, as Activity Monitor counts; `undefined` without them. */
export function parseVmStat(output: string): number | undefined {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(output)?.[1]);
  const pages = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)\\.?\\s*$`, 'm').exec(output)?.[1]);
  const used =
    pages('Anonymous pages') -
    pages('Pages purgeable') +
    pages('Pages wired down') +
    pages('Pages occupied by compressor');
  const bytes = used * pageBytes;
  return Number.isFinite(bytes) && bytes >= 0 ? bytes : undefined;
}

/** "8 GB" or "1536 MB", as older Macs name the memory of a graphics card. */
function mibOf(text: unknown): number | undefined {
  const [, digits, unit] =
    /^\s*(\d+(?:\.\d+)?)\s*([MG])B\s*$/.exec(typeof text === 'string' ? text : '') ?? [];
  return digits === undefined ? undefined : Number(digits) * (unit === 'G' ? 1024 : 1);
}

export interface MacOutputs {
  /** `system_profiler SPDisplaysDataType -json` */
  readonly displays: string;
  /** `sysctl -n hw.memsize` */
  readonly memorySize: string;
  /** `vm_stat` */
  readonly vmStat: string;
}

export function parseSystemProfiler({ displays, memorySize, vmStat }: MacOutputs): GpuReading[] {
  const parsed = parseJson(displays);
  const list = isRecord(parsed) ? parsed['SPDisplaysDataType'] : undefined;
  if (!Array.isArray(list)) return [];
  const readings: GpuReading[] = [];
  for (const entry of list as readonly unknown[]) {
    if (!isRecord(entry)) continue;
    const name = wording(entry['sppci_model']) ?? wording(entry['_name']);
    const maker = wording(entry['spdisplays_vendor']);
    if (name === null || isVirtualAdapter(name, maker)) continue;
    if (/apple/i.test(maker ?? name)) {
      const totalBytes = /^\s*\d+\s*$/.test(memorySize) ? Number(memorySize) : undefined;
      const usedBytes = parseVmStat(vmStat);
      readings.push(
        gpuReading({
          name,
          totalMb: totalBytes === undefined ? undefined : totalBytes / mib,
          usedMb: totalBytes === undefined || usedBytes === undefined ? undefined : usedBytes / mib,
          hasUnifiedMemory: true,
        }),
      );
      continue;
    }
    // Graphics inside Intel's processors names its memory otherwise; it serves no models.
    const totalMb = mibOf(entry['spdisplays_vram']);
    if (totalMb !== undefined) readings.push(gpuReading({ name, totalMb }));
  }
  return readings;
}

/** A list of displays and GPUs does not change while nothing is plugged in; asking takes half a second of CPU. */
const displaysKeptMs = 300_000;

export function createSystemProfilerReader(
  run: (call: ToolCall) => ReturnType<typeof runTool> = runTool,
  platform: NodeJS.Platform = process.platform,
): GpuReader {
  let displays: { readonly output: string; readonly askedAtMs: number } | undefined;
  return {
    source: 'system_profiler',
    async read(signal) {
      if (platform !== 'darwin') return { kind: 'absent' };
      if (displays === undefined || performance.now() - displays.askedAtMs > displaysKeptMs) {
        const command = '/usr/sbin/system_profiler';
        const outcome = await run({ command, args: ['SPDisplaysDataType', '-json'], signal });
        if (outcome.kind !== 'ended') return outcome;
        if (parseJson(outcome.output) === undefined)
          return { kind: 'failed', reason: toolFailure(command, outcome) };
        displays = { output: outcome.output, askedAtMs: performance.now() };
      }
      const [memorySize, vmStat] = await Promise.all([
        run({ command: '/usr/sbin/sysctl', args: ['-n', 'hw.memsize'], signal }),
        run({ command: '/usr/bin/vm_stat', args: [], signal }),
      ]);
      for (const outcome of [memorySize, vmStat]) if (outcome.kind === 'hung') return outcome;
      return foundOrNone(
        parseSystemProfiler({
          displays: displays.output,
          memorySize: memorySize.kind === 'ended' ? memorySize.output : '',
          vmStat: vmStat.kind === 'ended' ? vmStat.output : '',
        }),
      );
    },
  };
}

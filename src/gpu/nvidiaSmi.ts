/**
 * NVIDIA GPUs as `nvidia-smi` lists them. Runs in main.
 *
 * A GPU that is split into MIG instances tells no utilisation. Its own line stays, because its memory is the only
 * memory that this tool's tables tell, and its instances follow it by name and UUID with nothing measured.
 */
import { foundOrNone, type GpuReader } from './gpuReader.js';
import { type GpuReading, gpuReading } from './gpuReading.js';
import { readOutput } from './readTool.js';
import { runTool, type ToolCall } from './runTool.js';
import { type MachineMemory, machineMemory, withUnifiedMemory } from './unifiedMemory.js';

/** The name is last: it alone may hold commas, and the tool quotes nothing. */
const fields = [
  'uuid',
  'driver_version',
  'memory.total',
  'memory.used',
  'memory.free',
  'utilization.gpu',
  'utilization.memory',
  'temperature.gpu',
  'power.draw',
  'clocks.sm',
  'clocks.mem',
  'name',
] as const;

const nvidiaSmiQuery: readonly string[] = [
  `--query-gpu=${fields.join(',')}`,
  '--format=csv,noheader,nounits',
];

const gpuUuid = /^GPU-[0-9a-f-]+$/i;
const numeral = /^\d+(?:\.\d+)?$/;

/** One reading a line; lines that are messages are left out. */
export function parseNvidiaSmi(output: string, memory: MachineMemory = machineMemory()): GpuReading[] {
  const readings: GpuReading[] = [];
  for (const line of output.split(/\r?\n/)) {
    const cells = line.split(',').map((cell) => cell.trim());
    const [uuid = '', driverVersion, totalMb = '', usedMb, freeMb, ...rest] = cells;
    if (cells.length < fields.length || !gpuUuid.test(uuid)) continue;
    const [utilizationGpu, utilizationMemory, temperatureC, powerW, smClockMhz, memoryClockMhz] = rest;
    const figures = {
      name: cells.slice(fields.length - 1).join(', '),
      uuid,
      driverVersion,
      totalMb,
      usedMb,
      freeMb,
      utilizationGpu,
      utilizationMemory,
      temperatureC,
      powerW,
      smClockMhz,
      memoryClockMhz,
    };
    readings.push(gpuReading(withUnifiedMemory(figures, !numeral.test(totalMb), memory)));
  }
  return readings;
}

/** MIG instances by the UUID of their GPU, from `nvidia-smi -L`. */
export function parseMigInstances(output: string): Map<string, { profile: string; uuid: string }[]> {
  const instances = new Map<string, { profile: string; uuid: string }[]>();
  let current: { profile: string; uuid: string }[] | undefined;
  for (const line of output.split(/\r?\n/)) {
    const gpu = /^GPU \d+: .*\(UUID: (GPU-[0-9a-f-]+)\)\s*$/i.exec(line);
    if (gpu?.[1] !== undefined) {
      current = [];
      instances.set(gpu[1], current);
      continue;
    }
    const mig = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-\S+)\)\s*$/.exec(line);
    if (mig?.[1] !== undefined && mig[2] !== undefined) current?.push({ profile: mig[1], uuid: mig[2] });
  }
  return instances;
}

/** Each GPU, followed by its instances. */
export function withMigInstances(gpus: readonly GpuReading[], listing: string): GpuReading[] {
  const instances = parseMigInstances(listing);
  return gpus.flatMap((gpu) => [
    gpu,
    ...(instances.get(gpu.detail.uuid ?? '') ?? []).map(({ profile, uuid }) =>
      gpuReading({
        name: `${gpu.stat.name ?? 'NVIDIA GPU'} MIG ${profile}`,
        driverVersion: gpu.stat.driver_version,
        uuid,
      }),
    ),
  ]);
}

/** Instances are made and removed by hand; each question costs as much as one for figures. */
const listingKeptMs = 60_000;

export function createNvidiaSmiReader(
  run: (call: ToolCall) => ReturnType<typeof runTool> = runTool,
): GpuReader {
  const command = 'nvidia-smi';
  let listing: { readonly of: string; readonly output: string; readonly askedAtMs: number } | undefined;
  return {
    source: 'nvidia-smi',
    async read(signal) {
      const answer = readOutput(command, await run({ command, args: nvidiaSmiQuery, signal }), (output) =>
        parseNvidiaSmi(output),
      );
      if (answer.kind !== 'found') return answer;
      // Old drivers refuse a question for the MIG mode itself.
      const silent = answer.gpus.filter(({ stat }) => stat.utilization_gpu_pct === null);
      if (silent.length === 0) return answer;
      const of = silent.map(({ detail }) => detail.uuid).join();
      if (listing?.of !== of || performance.now() - listing.askedAtMs > listingKeptMs) {
        const outcome = await run({ command, args: ['-L'], signal });
        if (outcome.kind === 'hung') return outcome;
        if (outcome.kind !== 'ended') return answer;
        listing = { of, output: outcome.output, askedAtMs: performance.now() };
      }
      return foundOrNone(withMigInstances(answer.gpus, listing.output));
    },
  };
}

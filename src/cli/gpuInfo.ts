/**
 * `fxn gpu info`: samples the GPUs once and starts every compute engine, as a node would, and says what came of it.
 * Runs in the command line.
 */
import { type EngineReport, reportEngines } from '../doctor/engineReports.js';
import { sampleGpusOnce } from '../gpu/sampleOnce.js';
import type { GpuSample, GpuStat } from '../lib/gpuStat.js';
import { createLogger } from '../logger/logger.js';
import type { CliIo } from './cliIo.js';
import { exitCodes } from './exitCode.js';

export interface GpuInfoOptions {
  readonly gpu: 'auto' | 'off' | 'webgpu' | 'cuda';
  readonly json?: boolean | undefined;
}

const samplePatienceMs = 30_000;

export async function gpuInfo(options: GpuInfoOptions, io: Pick<CliIo, 'out' | 'err'>): Promise<number> {
  const log = createLogger({ level: 'silent', thread: 'main' });
  // A wait on a terminal says what it waits for.
  if (options.json !== true && process.stderr.isTTY) io.err('Starting each engine and its self-test …');
  const [sample, engines] = await Promise.all([
    sampleGpusOnce({ log, patienceMs: samplePatienceMs }),
    reportEngines({ gpu: options.gpu, log }),
  ]);
  if (options.json === true) {
    const { stats = null, source = null } = sample ?? {};
    io.out(JSON.stringify({ gpus: stats, source, engines }));
    return exitCodes.done;
  }
  io.out(gpuText(sample));
  io.out('');
  io.out(engineText(engines));
  return exitCodes.done;
}

function gpuText(sample: GpuSample | undefined): string {
  if (sample === undefined) return 'GPUs: none found';
  return [
    `GPUs, by ${sample.source}:`,
    ...sample.stats.map((stat, index) => `  ${index}  ${statText(stat)}`),
  ].join('\n');
}

function statText(stat: GpuStat): string {
  const known = (value: number | null, unit: string): string =>
    value === null ? 'unknown' : `${value}${unit}`;
  return [
    stat.name ?? 'unknown GPU',
    `driver ${stat.driver_version ?? 'unknown'}`,
    `memory ${known(stat.vram_used_mb, ' MB')} of ${known(stat.vram_total_mb, ' MB')}`,
    `busy ${known(stat.utilization_gpu_pct, ' %')}`,
  ].join(', ');
}

function engineText(engines: readonly EngineReport[]): string {
  const width = Math.max(...engines.map(({ engine }) => engine.length));
  const lines = engines.map(
    ({ engine, state, device, reason }) =>
      `  ${engine.padEnd(width)}  ${state.padEnd(8)}  ${state === 'ready' ? device : reason}`,
  );
  return ['Engines:', ...lines].join('\n');
}

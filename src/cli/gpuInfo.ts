/**
 * `fxn gpu info`: samples the GPUs once and starts every compute engine, as a node would, and says what came of it.
 * Runs in the command line.
 */
import { createComputePool } from '../compute/computePool.js';
import { createCpuEngine } from '../compute/cpuEngine.js';
import { failureReason } from '../compute/engineFailure.js';
import { type HostEngine, startGpuHost } from '../compute/gpuHost.js';
import { testEngine } from '../compute/selfTest.js';
import { sampleGpusOnce } from '../gpu/sampleOnce.js';
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

/** A library that hangs while it loads is ended after 30 s, and the next engine has its turn. */
const startPatienceMs = 90_000;
const samplePatienceMs = 30_000;
const pollMs = 50;

export async function gpuInfo(options: GpuInfoOptions, io: Pick<CliIo, 'out' | 'err'>): Promise<number> {
  const log = createLogger({ level: 'silent', thread: 'main' });
  // A wait on a terminal says what it waits for.
  if (options.json !== true && process.stderr.isTTY) io.err('Starting each engine and its self-test …');
  const [sample, engines] = await Promise.all([
    sampleGpusOnce(log, samplePatienceMs),
    startEngines(options.gpu),
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

  async function startEngines(gpu: GpuInfoOptions['gpu']): Promise<EngineReport[]> {
    const cpu = await reportCpu();
    if (gpu === 'off') return [cpu];
    const host = startGpuHost({
      gpu: gpu === 'webgpu' ? 'webgpu' : 'auto',
      isAllowedSoftware: gpu === 'webgpu',
      log,
    });
    await waitUntil(() => host.engines().every(({ state }) => state !== 'starting'), startPatienceMs);
    const hosted = host.engines().map(reportOf);
    await host.close();
    return [...hosted, cpu];
  }
}

async function reportCpu(): Promise<EngineReport> {
  const pool = createComputePool({ threads: 1, maxQueued: 16, deadlineMs: samplePatienceMs });
  const engine = createCpuEngine(pool);
  const { name, device } = engine.info;
  try {
    await testEngine(engine);
    return { engine: name, state: 'ready', device, reason: null };
  } catch (thrown) {
    return { engine: name, state: 'disabled', device, reason: failureReason(thrown) };
  } finally {
    await pool.close();
  }
}

const reportOf = ({ name, state, info, reason }: HostEngine): EngineReport => ({
  engine: name,
  state: state === 'ready' ? 'ready' : 'disabled',
  device: info?.device ?? null,
  reason: state === 'starting' ? 'did not start in time' : (reason ?? null),
});

async function waitUntil(isSo: () => boolean, patienceMs: number): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!isSo() && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
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

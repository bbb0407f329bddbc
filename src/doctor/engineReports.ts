/** Every compute engine, started and made to multiply known matrices as a node does at its start. Runs in the command line. */
import { createComputePool } from '../compute/computePool.js';
import { createCpuEngine } from '../compute/cpuEngine.js';
import { failureReason } from '../compute/engineFailure.js';
import { type HostEngine, startGpuHost } from '../compute/gpuHost.js';
import { testEngine } from '../compute/selfTest.js';
import type { Logger } from '../logger/logger.js';

export interface EngineReport {
  readonly engine: string;
  readonly state: 'ready' | 'disabled';
  readonly device: string | null;
  readonly reason: string | null;
}

/** A library that hangs while it loads is ended after 30 s, and the next engine has its turn. */
export const startPatienceMs = 90_000;
const cpuDeadlineMs = 30_000;
const pollMs = 50;

export interface EngineReportOptions {
  /** `compute.gpu` */
  readonly gpu: 'auto' | 'off' | 'webgpu' | 'cuda';
  readonly log: Logger;
  /** Ends the wait for engines that still start. */
  readonly signal?: AbortSignal;
}

export async function reportEngines({ gpu, log, signal }: EngineReportOptions): Promise<EngineReport[]> {
  const cpu = await reportCpu();
  if (gpu === 'off') return [cpu];
  const host = startGpuHost({
    gpu: gpu === 'webgpu' ? 'webgpu' : 'auto',
    isAllowedSoftware: gpu === 'webgpu',
    log,
  });
  const deadlineMs = performance.now() + startPatienceMs;
  const isWaiting = (): boolean => performance.now() < deadlineMs && signal?.aborted !== true;
  while (host.engines().some(({ state }) => state === 'starting') && isWaiting()) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const hosted = host.engines().map(reportOf);
  await host.close();
  return [...hosted, cpu];
}

async function reportCpu(): Promise<EngineReport> {
  const pool = createComputePool({ threads: 1, maxQueued: 16, deadlineMs: cpuDeadlineMs });
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

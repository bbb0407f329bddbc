/** A GPU host for tests: the node's own or one with other engines, and what waits for its engines. Runs in suites. */
import { readFileSync } from 'node:fs';
import { type GpuHost, type GpuHostOptions, type HostEngine, startGpuHost } from '#src/compute/gpuHost.js';
import type { EngineName, MatrixEngine } from '#src/compute/matrixEngine.js';
import { createLogger } from '#src/logger/logger.js';

/** Starts of real engines on a software adapter took 82 s on two cores with ten busy programs. */
const patienceMs = 240_000;
const pollMs = 5;

export function openTestHost(options: Partial<GpuHostOptions> = {}): GpuHost {
  return startGpuHost({
    gpu: 'auto',
    isAllowedSoftware: true,
    log: createLogger({ level: 'silent', thread: 'test' }),
    ...options,
    limits: { startDeadlineMs: patienceMs, jobDeadlineMs: patienceMs, ...options.limits },
  });
}

/** A host with the engines of `test/compute/oddHost.ts`. */
export function openOddHost(options: Partial<GpuHostOptions> = {}): GpuHost {
  return openTestHost({ entry: new URL('./oddHost.js', import.meta.url), ...options });
}

export const engineOf = (host: GpuHost, name: EngineName): HostEngine =>
  host.engines().find((engine) => engine.name === name)!;

/** Once the host has started; rejects with the reason when the engine is disabled. */
export async function readyEngine(host: GpuHost, name: EngineName): Promise<MatrixEngine> {
  // Jobs wait for the start of all engines.
  await until(() => host.engines().every(({ state }) => state !== 'starting'));
  const settled = engineOf(host, name);
  if (settled.engine === undefined) throw new Error(`${name} is ${settled.state}: ${settled.reason}`);
  return settled.engine;
}

export async function untilEngine(
  host: GpuHost,
  name: EngineName,
  isAsWanted: (engine: HostEngine) => boolean,
): Promise<HostEngine> {
  await until(() => isAsWanted(engineOf(host, name)));
  return engineOf(host, name);
}

export async function until(isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`not so within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Not so of one that has ended and whose exit code nobody has asked for. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    // There is no such process.
    return false;
  }
}

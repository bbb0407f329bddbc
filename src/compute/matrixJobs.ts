/**
 * Matrix multiplications of this node: which engine takes which, one at a time over all engines, each with the same
 * deadline from its arrival. A GPU engine that fails is made up for by the CPU, and the answer says so. Runs in main.
 */
import { NodeError, toNodeError } from '../errors/nodeError.js';
import { startDeadline } from '../lib/deadline.js';
import type { Logger } from '../logger/logger.js';
import { createJobLane } from './jobLane.js';
import type { EngineInfo, EngineName, MatrixEngine } from './matrixEngine.js';
import type { WantedBackend } from './wantedBackend.js';

export interface MatrixJob<T> {
  readonly wanted: WantedBackend;
  /** Rows of the product, or its size. */
  readonly rows: number;
  /** Whether this engine can do it at all. */
  readonly suits: (info: EngineInfo) => boolean;
  readonly run: (engine: MatrixEngine, signal: AbortSignal) => Promise<T>;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface MatrixJobResult<T> {
  readonly result: T;
  /** The engine that really ran. */
  readonly engine: EngineInfo;
  /** Why it is not the one that was asked for. */
  readonly fallback: string | undefined;
}

export interface MatrixJobs {
  /** @throws NodeError `queue_full`, `compute_timeout`, `compute_failed`, or what the job threw */
  run<T>(job: MatrixJob<T>): Promise<MatrixJobResult<T>>;
  readonly waiting: number;
  readonly isBusy: boolean;
}

export interface MatrixJobsOptions {
  /** Takes every job up to its size; `undefined` when it failed its self-test. */
  readonly cpu: () => MatrixEngine | undefined;
  /** Engines of the GPU host that passed their self-test, at this moment. */
  readonly hosted: () => readonly MatrixEngine[];
  readonly maxWaiting: number;
  readonly deadlineMs: number;
  readonly log: Logger;
}

/** From this many rows on `auto` goes to a GPU. */
const gpuFromRows = 100;
/** Below this the way to another process costs more than a faster CPU library gains. */
const openblasFromRows = 256;

export function createMatrixJobs(options: MatrixJobsOptions): MatrixJobs {
  const { cpu, hosted, maxWaiting, deadlineMs, log } = options;
  const lane = createJobLane(maxWaiting);

  const candidates = <T>({ wanted, rows, suits }: MatrixJob<T>): Choice => {
    const ready = new Map(hosted().map((engine) => [engine.info.name, engine]));
    const named = (names: readonly EngineName[]): MatrixEngine[] =>
      names.flatMap((name) => {
        const engine = ready.get(name);
        return engine !== undefined && suits(engine.info) ? [engine] : [];
      });
    const own = cpu();
    const cpus = [
      ...named(rows >= openblasFromRows ? ['openblas'] : []),
      ...(own !== undefined && suits(own.info) ? [own] : []),
    ];
    if (wanted === 'cpu' || (wanted === 'auto' && rows < gpuFromRows)) {
      return { engines: cpus, fallback: undefined };
    }
    const gpus = named(['webgpu', 'gpujs']);
    const isMet = wanted === 'auto' || gpus.some(({ info }) => meets(wanted, info));
    const ordered = [...gpus].sort((a, b) => Number(meets(wanted, b.info)) - Number(meets(wanted, a.info)));
    return {
      engines: [...ordered, ...cpus],
      fallback: isMet ? undefined : `no ${wanted} engine is available`,
    };
  };

  const attempt = async <T>(job: MatrixJob<T>, signal: AbortSignal): Promise<MatrixJobResult<T>> => {
    const { engines, fallback } = candidates(job);
    let reason = fallback;
    for (const [index, engine] of engines.entries()) {
      try {
        return { result: await job.run(engine, signal), engine: engine.info, fallback: reason };
      } catch (thrown) {
        // What the caller sent is wrong on every engine, and a deadline has passed for all of them.
        const error = toNodeError(thrown);
        if (signal.aborted || error.entry.source === 'client' || index === engines.length - 1) throw thrown;
        log.warn({ err: error, engine: engine.info.name }, 'an engine failed: the next one takes the job');
        reason = `${engine.info.name} failed`;
      }
    }
    throw new NodeError('invalid_payload', {
      message: 'The matrices are larger than any engine here can take.',
    });
  };

  return {
    async run(job) {
      const deadline = startDeadline(deadlineMs, job.signal);
      const { signal } = deadline;
      try {
        return await lane.run(() => attempt(job, signal), signal);
      } catch (thrown) {
        if (deadline.hasPassed) throw new NodeError('compute_timeout', { cause: thrown });
        throw thrown;
      } finally {
        deadline.end();
      }
    },
    get waiting() {
      return lane.waiting;
    },
    get isBusy() {
      return lane.isBusy;
    },
  };
}

interface Choice {
  readonly engines: readonly MatrixEngine[];
  readonly fallback: string | undefined;
}

function meets(wanted: WantedBackend, { backend, name }: EngineInfo): boolean {
  switch (wanted) {
    case 'auto':
    case 'gpu':
      return backend !== 'cpu';
    case 'webgpu':
      return name === 'webgpu';
    case 'metal':
      return name === 'webgpu' && process.platform === 'darwin';
    case 'cpu':
      return backend === 'cpu';
    case 'cuda':
      return false;
  }
}

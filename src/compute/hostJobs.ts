/**
 * The line of jobs for the GPU host. One job is with the host at a time; others wait here, in the order in which they
 * came, and too many are refused. A job that waits when the host dies is given to the next host; the one that ran
 * fails. Every job has its deadline from the moment it was asked for, so none waits for ever. Runs in main.
 */
import { NodeError, type NodeErrorData } from '../errors/nodeError.js';
import type { HostProcess } from './hostProcess.js';
import type { FromHost, HostTask, HostTaskResult } from './hostProtocol.js';
import type {
  EngineInfo,
  EngineName,
  MatrixEngine,
  ProductResult,
  ProofRoundResult,
} from './matrixEngine.js';

/** What takes the jobs. */
export type JobHost = Pick<HostProcess, 'send' | 'kill'>;

export interface HostJobsOptions {
  /** Longest a job may wait and run together. */
  readonly deadlineMs: number;
  /** What the host may take to obey an abort. */
  readonly abortGraceMs: number;
  /** Jobs that may wait beside the one that runs. */
  readonly maxWaiting: number;
  /** The host whose engines have all started or were left out; `undefined` while there is none. */
  readonly host: () => JobHost | undefined;
  readonly engineState: (name: EngineName) => {
    readonly state: 'starting' | 'ready' | 'disabled';
    /** Why it is disabled. */
    readonly reason?: string;
  };
}

interface Job {
  readonly id: number;
  readonly engine: EngineName;
  readonly task: HostTask;
  readonly signal: AbortSignal;
  readonly resolve: (result: HostTaskResult) => void;
  readonly reject: (reason: unknown) => void;
  readonly onAbort: () => void;
  deadline?: NodeJS.Timeout;
}

interface RunningJob {
  readonly job: Job;
  readonly host: JobHost;
  /** The caller no longer waits for it. */
  isGivenUp: boolean;
  /** Ends the host when it ignores an abort. */
  grace?: NodeJS.Timeout;
}

export class HostJobs {
  readonly #options: HostJobsOptions;
  readonly #waiting: Job[] = [];
  #running: RunningJob | undefined;
  #lastId = 0;
  #isClosed = false;

  constructor(options: HostJobsOptions) {
    this.#options = options;
  }

  /** Whether no job runs or waits. */
  get isEmpty(): boolean {
    return this.#running === undefined && this.#waiting.length === 0;
  }

  /** An engine whose work is done by the host. */
  engine(info: EngineInfo): MatrixEngine {
    return {
      info,
      proofRound: async (request, signal) =>
        (await this.#run(info.name, { kind: 'proofRound', request }, signal)) as ProofRoundResult,
      product: async (request, signal) =>
        (await this.#run(info.name, { kind: 'product', request }, signal)) as ProductResult,
    };
  }

  /** Gives the host its next job, if it can take one and one waits. */
  runNext(): void {
    const host = this.#options.host();
    if (host === undefined || this.#running !== undefined) return;
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      const { state, reason } = this.#options.engineState(job.engine);
      if (state === 'ready') {
        this.#running = { job, host, isGivenUp: false };
        host.send({ type: 'job', id: job.id, engine: job.engine, task: job.task });
        return;
      }
      fail(job, reason ?? `${job.engine} is not ready`);
    }
  }

  /** @returns whether it answers the job that runs */
  onAnswer(answer: Extract<FromHost, { type: 'done' | 'failed' }>): boolean {
    if (this.#running?.job.id !== answer.id) return false;
    const { job, isGivenUp } = this.#leave(this.#running);
    if (!isGivenUp) {
      if (answer.type === 'done') settle(job, () => job.resolve(answer.result));
      else settle(job, () => job.reject(failureOf(job, answer.error)));
    }
    this.runNext();
    return true;
  }

  /** The host is gone, and with it the job that it ran. */
  onHostEnd(reason: string): void {
    if (this.#running === undefined) return;
    const { job, isGivenUp } = this.#leave(this.#running);
    if (!isGivenUp) fail(job, reason);
  }

  failWaiting(reason: string): void {
    for (const job of this.#waiting.splice(0)) fail(job, reason);
  }

  /** Fails what waits and takes nothing more; the job that runs fails with the end of its host. */
  close(): void {
    this.#isClosed = true;
    this.failWaiting(closed);
  }

  #run(engine: EngineName, task: HostTask, signal: AbortSignal): Promise<HostTaskResult> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const { reason } = this.#options.engineState(engine);
      const refusal = this.#isClosed ? closed : reason;
      const isFull = this.#waiting.length >= this.#options.maxWaiting;
      if (refusal !== undefined || isFull) {
        const meta = { engine, reason: refusal ?? 'too many jobs wait for the GPU host' };
        reject(new NodeError('compute_failed', { meta }));
        return;
      }
      const onAbort = (): void => this.#abort(job);
      const job: Job = { id: ++this.#lastId, engine, task, signal, resolve, reject, onAbort };
      job.deadline = setTimeout(() => this.#onDeadline(job), this.#options.deadlineMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(job);
      this.runNext();
    });
  }

  /** The caller has its answer at once; the host may take a moment to be free again. */
  #abort(job: Job): void {
    settle(job, () => job.reject(job.signal.reason));
    const running = this.#giveUp(job);
    if (running === undefined) return;
    running.host.send({ type: 'abort', id: job.id });
    running.grace = setTimeout(
      () => running.host.kill('was killed: it did not obey an abort'),
      this.#options.abortGraceMs,
    );
  }

  #onDeadline(job: Job): void {
    const reason = `no result within ${this.#options.deadlineMs} ms`;
    fail(job, reason);
    this.#giveUp(job)?.host.kill(`was killed: ${reason}`);
  }

  /** Takes a job out of the line; one that runs is returned, because its host has to be told. */
  #giveUp(job: Job): RunningJob | undefined {
    const running = this.#running;
    if (running?.job === job) {
      running.isGivenUp = true;
      return running;
    }
    this.#waiting.splice(this.#waiting.indexOf(job), 1);
    return undefined;
  }

  #leave(running: RunningJob): RunningJob {
    clearTimeout(running.grace);
    this.#running = undefined;
    return running;
  }
}

const closed = 'the GPU host is closed';

function fail(job: Job, reason: string): void {
  settle(job, () => job.reject(new NodeError('compute_failed', { meta: { engine: job.engine, reason } })));
}

function settle(job: Job, how: () => void): void {
  clearTimeout(job.deadline);
  job.signal.removeEventListener('abort', job.onAbort);
  how();
}

function failureOf(job: Job, error: NodeErrorData): NodeError {
  return NodeError.fromData({ ...error, meta: { engine: job.engine, ...error.meta } });
}

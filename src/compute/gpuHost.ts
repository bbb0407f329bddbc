/**
 * Starts the GPU host, a child process that holds every native compute library, and watches it: a host that does not
 * report its start, overruns a job's deadline or ignores an abort is killed; one that dies is started again, later
 * each time. Native code can crash or hang this way without harm to the node. Runs in main.
 *
 * One job is with the host at a time; others wait here, in the order in which they came, and too many are refused.
 * A job that waits when the host dies is given to the next host; the one that ran fails. Every job has its deadline
 * from the moment it was asked for, so none waits for ever.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { NodeError, type NodeErrorData } from '../errors/nodeError.js';
import { nativeEnvironment } from '../lib/nativeEnvironment.js';
import type { Logger } from '../logger/logger.js';
import { hostedEngines } from './engineBackends.js';
import { failureReason } from './engineFailure.js';
import type { FromHost, Hashing, HostTask, HostTaskResult, ToHost } from './hostProtocol.js';
import type {
  EngineInfo,
  EngineName,
  MatrixEngine,
  ProductResult,
  ProofRoundResult,
} from './matrixEngine.js';

export interface GpuHostLimits {
  /** Of one engine, its self-test included. */
  readonly startDeadlineMs: number;
  /** Longest a job may wait and run together. */
  readonly jobDeadlineMs: number;
  /** What the host may take to obey an abort. */
  readonly abortGraceMs: number;
  /** Jobs that may wait beside the one that runs. */
  readonly maxWaiting: number;
  /** Deaths in a row, no job done between them, after which no other host is started. */
  readonly maxDeathsInARow: number;
  /** Deaths in the start of one engine, after which the next host goes without it. */
  readonly maxDeathsInStart: number;
  readonly firstRestartMs: number;
  readonly longestRestartMs: number;
  /** After this long an engine that was left out because hosts died is tried again: drivers recover. */
  readonly retryAfterMs: number;
}

export interface GpuHostOptions {
  /** Which GPU engines to try; OpenBLAS, which is none, is tried in any case. */
  readonly gpu: 'auto' | 'webgpu';
  /** Whether an adapter without a GPU behind it may serve. */
  readonly isAllowedSoftware: boolean;
  readonly log: Logger;
  /** Called whenever the state of an engine has changed. */
  readonly onState?: (engines: readonly HostEngine[]) => void;
  /** Threads of OpenBLAS; all cores unless told. */
  readonly cpuThreads?: number;
  readonly hashing?: Hashing;
  /** Another host than the node's own. */
  readonly entry?: URL;
  readonly env?: NodeJS.ProcessEnv;
  readonly limits?: Partial<GpuHostLimits>;
}

export interface HostEngine {
  readonly name: EngineName;
  readonly state: 'starting' | 'ready' | 'disabled';
  /** Why it is disabled. */
  readonly reason?: string;
  /** As it last reported itself. */
  readonly info?: EngineInfo;
  /** There when it is ready; what keeps it longer waits with its jobs for the next host. */
  readonly engine?: MatrixEngine;
}

export interface GpuHost {
  engines(): readonly HostEngine[];
  /** Hosts that were started after the first. */
  readonly restarts: number;
  /** Of the host that runs now. */
  readonly pid: number | undefined;
  /** Fails every job, ends the host and waits until it is gone. */
  close(): Promise<void>;
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

const defaultLimits: GpuHostLimits = {
  startDeadlineMs: 30_000,
  jobDeadlineMs: 60_000,
  abortGraceMs: 1_000,
  maxWaiting: 8,
  maxDeathsInARow: 5,
  maxDeathsInStart: 2,
  firstRestartMs: 100,
  longestRestartMs: 10_000,
  retryAfterMs: 300_000,
};

/** A host that ran this long without a job has not failed fast. */
const steadyAfterMs = 30_000;
/** Nice value 15, like the compute threads: tokens come first. */
const hostPriority = 15;
/** Native libraries can be talkative; what one host says beyond this is dropped. */
const maxOutputLines = 200;
const maxOutputLineLength = 500;

export function startGpuHost(options: GpuHostOptions): GpuHost {
  return new SupervisedHost(options);
}

class SupervisedHost implements GpuHost {
  readonly #options: GpuHostOptions;
  readonly #limits: GpuHostLimits;
  readonly #engines = new Map<EngineName, HostEngine>();
  readonly #deathsInStart = new Map<EngineName, number>();
  /** Left out because hosts died with them. */
  readonly #fallen = new Set<EngineName>();
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  /** The caller no longer waits for the job that runs. */
  #isRunningGivenUp = false;
  #child: ChildProcess | undefined;
  #isStarted = false;
  #startedAtMs = 0;
  #startingEngine: EngineName | undefined;
  /** Why this side is killing the host. */
  #killedBecause: string | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #exited: Promise<void> = Promise.resolve();
  #deathsInARow = 0;
  #lastId = 0;
  #starts = 0;
  #isClosed = false;

  constructor(options: GpuHostOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    for (const name of hostedEngines) {
      const isWanted = options.gpu === 'auto' || name !== 'gpujs';
      if (isWanted) this.#engines.set(name, { name, state: 'starting' });
    }
    this.#start();
  }

  get restarts(): number {
    return this.#starts - 1;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  engines(): readonly HostEngine[] {
    return [...this.#engines.values()];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    clearTimeout(this.#retry);
    this.#kill('was closed');
    for (const job of this.#waiting.splice(0)) this.#fail(job, 'the GPU host is closed');
    await this.#exited;
  }

  #start(): void {
    const {
      entry,
      env = nativeEnvironment(process.env),
      cpuThreads,
      isAllowedSoftware,
      hashing = 'auto',
    } = this.#options;
    const threads = cpuThreads === undefined ? {} : { OPENBLAS_NUM_THREADS: String(cpuThreads) };
    this.#starts++;
    this.#isStarted = false;
    this.#startedAtMs = performance.now();
    this.#startingEngine = undefined;
    this.#killedBecause = undefined;
    const child = fork(fileURLToPath(entry ?? import.meta.resolve('#workers/gpuHost.js')), {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...env, ...threads },
      execArgv: [],
    });
    this.#child = child;

    this.#exited = new Promise((resolve) => {
      let hasEnded = false;
      const onEnd = (how: string): void => {
        if (hasEnded) return;
        hasEnded = true;
        resolve();
        this.#onEnd(this.#killedBecause ?? how);
      };
      child.on('exit', (code, signal) =>
        onEnd(signal === null ? `ended with code ${code}` : `ended by ${signal}`),
      );
      // Either it could not be started, or something could not be sent to it; then its end is on its way.
      child.on('error', (error) => {
        if (child.pid === undefined) onEnd(`could not be started: ${error.message}`);
        else this.#options.log.debug({ err: error }, 'GPU host cannot be told');
      });
    });
    // A host that is on its way out is of no use and may hang there.
    child.on('disconnect', () => child.kill('SIGKILL'));
    child.on('message', (message: FromHost) => {
      if (child === this.#child) this.#onMessage(message);
    });
    if (child.pid === undefined) return;
    this.#logOutput(child.stdout!, child.stderr!);
    lowerPriority(child.pid, this.#options.log);
    this.#watch(this.#limits.startDeadlineMs, 'did not report its start in time');
    const engines = this.engines()
      .filter(({ state }) => state !== 'disabled')
      .map(({ name }) => name);
    this.#send({ type: 'start', settings: { engines, isAllowedSoftware, hashing } });
  }

  #onMessage(message: FromHost): void {
    switch (message.type) {
      case 'engineStarting':
        this.#startingEngine = message.name;
        this.#watch(this.#limits.startDeadlineMs, 'did not report its start in time');
        break;
      case 'engineReady': {
        const { info } = message;
        this.#startingEngine = undefined;
        this.#deathsInStart.delete(info.name);
        this.#setEngine({ name: info.name, state: 'ready', info, engine: this.#proxy(info) });
        this.#options.log.info({ engine: info.name, device: info.device }, 'compute engine ready');
        this.#onSettled();
        break;
      }
      case 'engineDisabled':
        this.#startingEngine = undefined;
        this.#disable(message.name, message.reason);
        this.#onSettled();
        break;
      case 'done':
      case 'failed':
        this.#onAnswer(message);
        break;
    }
  }

  #onSettled(): void {
    if (this.engines().some(({ state }) => state === 'starting')) return;
    clearTimeout(this.#watchdog);
    this.#isStarted = true;
    // A host that can do nothing costs memory all the same.
    if (this.engines().every(({ state }) => state === 'disabled')) this.#kill('has no engine');
    else this.#runNext();
  }

  #onAnswer(answer: Extract<FromHost, { type: 'done' | 'failed' }>): void {
    const job = this.#running;
    if (job?.id !== answer.id) return;
    clearTimeout(this.#watchdog);
    this.#running = undefined;
    this.#deathsInARow = 0;
    if (!this.#isRunningGivenUp) {
      if (answer.type === 'done') this.#settle(job, () => job.resolve(answer.result));
      else this.#settle(job, () => job.reject(failureOf(job, answer.error)));
    }
    this.#runNext();
  }

  /** The host is gone, for whatever reason. */
  #onEnd(how: string): void {
    clearTimeout(this.#watchdog);
    this.#child = undefined;
    const job = this.#running;
    this.#running = undefined;
    if (job !== undefined && !this.#isRunningGivenUp) this.#fail(job, `the GPU host ${how}`);
    if (this.#isClosed) return;

    const culprit = this.#startingEngine;
    if (culprit !== undefined) {
      const deaths = (this.#deathsInStart.get(culprit) ?? 0) + 1;
      this.#deathsInStart.set(culprit, deaths);
      if (deaths >= this.#limits.maxDeathsInStart) {
        this.#fell(culprit, `the GPU host ${how} while this engine started`);
        // The others have done nothing wrong.
        this.#deathsInARow = 0;
      }
    }
    if (this.#isStarted && performance.now() - this.#startedAtMs > steadyAfterMs) this.#deathsInARow = 0;
    if (this.engines().every(({ state }) => state === 'disabled')) {
      this.#giveUp('no engine is left');
      return;
    }
    this.#deathsInARow++;
    this.#options.log.warn({ how, inARow: this.#deathsInARow, engine: culprit }, 'GPU host ended');
    for (const { name, state, info } of this.engines()) {
      if (state === 'ready') this.#setEngine({ name, state: 'starting', ...(info && { info }) });
    }
    if (this.#deathsInARow >= this.#limits.maxDeathsInARow) {
      this.#giveUp(`the GPU host failed ${this.#deathsInARow} times in a row; at last it ${how}`);
    } else {
      const { firstRestartMs, longestRestartMs } = this.#limits;
      const delayMs = Math.min(longestRestartMs, firstRestartMs * 2 ** (this.#deathsInARow - 1));
      this.#restart = setTimeout(() => this.#start(), delayMs);
    }
  }

  #giveUp(reason: string): void {
    for (const { name, state } of this.engines()) {
      if (state !== 'disabled') this.#fell(name, reason);
    }
    for (const job of this.#waiting.splice(0)) this.#fail(job, reason);
  }

  #fell(name: EngineName, reason: string): void {
    this.#fallen.add(name);
    this.#disable(name, reason);
    if (this.#retry !== undefined) return;
    this.#retry = setTimeout(() => this.#tryFallenAgain(), this.#limits.retryAfterMs);
    this.#retry.unref();
  }

  #tryFallenAgain(): void {
    if (this.#running !== undefined || this.#waiting.length > 0) {
      this.#retry = setTimeout(() => this.#tryFallenAgain(), this.#limits.longestRestartMs);
      this.#retry.unref();
      return;
    }
    this.#retry = undefined;
    for (const name of this.#fallen) {
      this.#deathsInStart.delete(name);
      this.#setEngine({ name, state: 'starting' });
    }
    this.#fallen.clear();
    this.#deathsInARow = 0;
    // The end of the host that runs starts the next one.
    if (this.#child === undefined) this.#start();
    else this.#kill('is started again with engines that were left out');
  }

  #disable(name: EngineName, reason: string): void {
    this.#setEngine({ name, state: 'disabled', reason });
    this.#options.log.info({ engine: name, reason }, 'compute engine disabled');
  }

  #setEngine(engine: HostEngine): void {
    this.#engines.set(engine.name, engine);
    this.#options.onState?.(this.engines());
  }

  #proxy(info: EngineInfo): MatrixEngine {
    return {
      info,
      proofRound: async (request, signal) =>
        (await this.#run(info.name, { kind: 'proofRound', request }, signal)) as ProofRoundResult,
      product: async (request, signal) =>
        (await this.#run(info.name, { kind: 'product', request }, signal)) as ProductResult,
    };
  }

  #run(engine: EngineName, task: HostTask, signal: AbortSignal): Promise<HostTaskResult> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const { reason } = this.#engines.get(engine)!;
      const refusal = this.#isClosed ? 'the GPU host is closed' : reason;
      const isFull = this.#waiting.length >= this.#limits.maxWaiting;
      if (refusal !== undefined || isFull) {
        const meta = { engine, reason: refusal ?? 'too many jobs wait for the GPU host' };
        reject(new NodeError('compute_failed', { meta }));
        return;
      }
      const onAbort = (): void => this.#abort(job);
      const job: Job = { id: ++this.#lastId, engine, task, signal, resolve, reject, onAbort };
      job.deadline = setTimeout(() => this.#onDeadline(job), this.#limits.jobDeadlineMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(job);
      this.#runNext();
    });
  }

  #runNext(): void {
    if (!this.#isStarted || this.#child === undefined || this.#running !== undefined) return;
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      const { state, reason } = this.#engines.get(job.engine)!;
      if (state === 'ready') {
        this.#running = job;
        this.#isRunningGivenUp = false;
        this.#send({ type: 'job', id: job.id, engine: job.engine, task: job.task });
        return;
      }
      this.#fail(job, reason ?? `${job.engine} is not ready`);
    }
  }

  /** The caller has its answer at once; the host may take a moment to be free again. */
  #abort(job: Job): void {
    this.#settle(job, () => job.reject(job.signal.reason));
    if (job !== this.#running) {
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      return;
    }
    this.#isRunningGivenUp = true;
    this.#send({ type: 'abort', id: job.id });
    this.#watch(this.#limits.abortGraceMs, 'was killed: it did not obey an abort');
  }

  #onDeadline(job: Job): void {
    const reason = `no result within ${this.#limits.jobDeadlineMs} ms`;
    this.#fail(job, reason);
    if (job !== this.#running) {
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      return;
    }
    this.#isRunningGivenUp = true;
    this.#kill(`was killed: ${reason}`);
  }

  #fail(job: Job, reason: string): void {
    this.#settle(job, () =>
      job.reject(new NodeError('compute_failed', { meta: { engine: job.engine, reason } })),
    );
  }

  #settle(job: Job, how: () => void): void {
    clearTimeout(job.deadline);
    job.signal.removeEventListener('abort', job.onAbort);
    how();
  }

  #watch(delayMs: number, killedBecause: string): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#kill(killedBecause), delayMs);
  }

  #kill(because: string): void {
    this.#killedBecause ??= because;
    this.#child?.kill('SIGKILL');
  }

  #send(message: ToHost): void {
    this.#child?.send(message, (error) => {
      if (error !== null) this.#options.log.debug({ err: error }, 'GPU host cannot be told');
    });
  }

  #logOutput(...streams: readonly Readable[]): void {
    let lines = 0;
    for (const stream of streams) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        const complete = `${rest}${text}`.split('\n');
        rest = complete.pop()!.slice(0, maxOutputLineLength);
        for (const line of complete) {
          if (++lines > maxOutputLines) return;
          this.#options.log.debug({ output: line.slice(0, maxOutputLineLength) }, 'GPU host says');
        }
      });
    }
  }
}

function failureOf(job: Job, error: NodeErrorData): NodeError {
  return NodeError.fromData({ ...error, meta: { engine: job.engine, ...error.meta } });
}

function lowerPriority(pid: number, log: Logger): void {
  try {
    setPriority(pid, hostPriority);
  } catch (thrown) {
    // It may have died already; at the ordinary priority it would work just as well.
    log.debug({ reason: failureReason(thrown) }, 'GPU host keeps its priority');
  }
}

/**
 * Starts the GPU host, a child process that holds every native compute library, and watches it: a host that does not
 * report its start, overruns a job's deadline or ignores an abort is killed; one that dies is started again, later
 * each time. Native code can crash or hang this way without harm to the node. Runs in main.
 */
import { nativeEnvironment } from '../lib/nativeEnvironment.js';
import type { Logger } from '../logger/logger.js';
import { hostedEngines } from './engineBackends.js';
import { HostJobs } from './hostJobs.js';
import { type HostProcess, startHostProcess } from './hostProcess.js';
import type { FromHost, Hashing } from './hostProtocol.js';
import type { EngineInfo, EngineName, MatrixEngine } from './matrixEngine.js';

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
  readonly #jobs: HostJobs;
  #process: HostProcess | undefined;
  /** Whether each engine of the host that runs has started or was left out. */
  #isStarted = false;
  #startedAtMs = 0;
  #startingEngine: EngineName | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #deathsInARow = 0;
  #starts = 0;
  #isClosed = false;

  constructor(options: GpuHostOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#jobs = new HostJobs({
      deadlineMs: this.#limits.jobDeadlineMs,
      abortGraceMs: this.#limits.abortGraceMs,
      maxWaiting: this.#limits.maxWaiting,
      host: () => (this.#isStarted ? this.#process : undefined),
      engineState: (name) => this.#engines.get(name)!,
    });
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
    return this.#process?.pid;
  }

  engines(): readonly HostEngine[] {
    return [...this.#engines.values()];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    clearTimeout(this.#retry);
    const last = this.#process;
    last?.kill('was closed');
    this.#jobs.close();
    await last?.ended;
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
    const started = startHostProcess({
      entry: entry ?? new URL(import.meta.resolve('#workers/gpuHost.js')),
      env: { ...env, ...threads },
      log: this.#options.log,
      onMessage: (message) => this.#onMessage(message),
      onEnd: (how) => this.#onEnd(how),
    });
    this.#process = started;
    if (started.pid === undefined) return;
    this.#watch(this.#limits.startDeadlineMs, 'did not report its start in time');
    const engines = this.engines()
      .filter(({ state }) => state !== 'disabled')
      .map(({ name }) => name);
    started.send({ type: 'start', settings: { engines, isAllowedSoftware, hashing } });
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
        this.#setEngine({ name: info.name, state: 'ready', info, engine: this.#jobs.engine(info) });
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
        if (this.#jobs.onAnswer(message)) this.#deathsInARow = 0;
        break;
    }
  }

  #onSettled(): void {
    if (this.engines().some(({ state }) => state === 'starting')) return;
    clearTimeout(this.#watchdog);
    this.#isStarted = true;
    // A host that can do nothing costs memory all the same.
    if (this.engines().every(({ state }) => state === 'disabled')) this.#process?.kill('has no engine');
    else this.#jobs.runNext();
  }

  /** The host is gone, for whatever reason. */
  #onEnd(how: string): void {
    clearTimeout(this.#watchdog);
    this.#process = undefined;
    this.#jobs.onHostEnd(`the GPU host ${how}`);
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
    this.#jobs.failWaiting(reason);
  }

  #fell(name: EngineName, reason: string): void {
    this.#fallen.add(name);
    this.#disable(name, reason);
    if (this.#retry !== undefined) return;
    this.#retry = setTimeout(() => this.#tryFallenAgain(), this.#limits.retryAfterMs);
    this.#retry.unref();
  }

  #tryFallenAgain(): void {
    if (!this.#jobs.isEmpty) {
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
    if (this.#process === undefined) this.#start();
    else this.#process.kill('is started again with engines that were left out');
  }

  #disable(name: EngineName, reason: string): void {
    this.#setEngine({ name, state: 'disabled', reason });
    this.#options.log.info({ engine: name, reason }, 'compute engine disabled');
  }

  #setEngine(engine: HostEngine): void {
    this.#engines.set(engine.name, engine);
    this.#options.onState?.(this.engines());
  }

  #watch(delayMs: number, because: string): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#process?.kill(because), delayMs);
  }
}

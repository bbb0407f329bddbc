/**
 * A worker thread that is replaced when it fails. Restarts wait longer each time and stop after too many in a
 * row; the owner decides what that means. Runs in main.
 */
import { Worker } from 'node:worker_threads';
import { connectThread, type MethodTable, type ThreadCalls } from './threadCalls.js';
import type { WarmThread } from './warmThread.js';

export interface SupervisedThreadOptions<Local extends MethodTable> {
  /** Named by URL, never imported. */
  readonly entry: URL;
  readonly name: string;
  /** Made anew for each start. */
  readonly workerData: () => unknown;
  /** A thread with this entry that was started ahead of its data; the first start adopts it. */
  readonly warm?: WarmThread | undefined;
  /** What the thread may call. */
  readonly methods: Local;
  /** The thread ended unasked; called before it is started again. */
  readonly onFailure: (failure: ThreadFailure) => void;
  /** Too many failures in a row; it is not started again. */
  readonly onGiveUp: (failure: ThreadFailure) => void;
}

export interface ThreadFailure {
  readonly exitCode: number;
  /** What the thread threw; `undefined` when it ended itself. */
  readonly error: Error | undefined;
  /** Failures since the thread last ran for a while. */
  readonly inARow: number;
}

export interface SupervisedThread<Remote extends MethodTable> {
  /** The calls of the thread that runs now. */
  readonly calls: ThreadCalls<Remote>;
  /** From now on a failure is reported, but the thread is not started again. */
  retire(): void;
  /** Tells the supervisor that the thread's end is wanted, and waits for it. */
  ended(): Promise<void>;
}

const firstDelayMs = 50;
const longestDelayMs = 5_000;
/** A thread that ran this long has recovered. */
const recoveredAfterMs = 30_000;
const failuresInARow = 8;

export function startSupervisedThread<Remote extends MethodTable, Local extends MethodTable>(
  options: SupervisedThreadOptions<Local>,
): SupervisedThread<Remote> {
  let isWanted = true;
  let isRetired = false;
  let inARow = 0;
  let calls: ThreadCalls<Remote>;
  let restart: NodeJS.Timeout | undefined;
  let exited: Promise<void> = Promise.resolve();

  let warm = options.warm;
  const adoptWarm = (): Worker | undefined => {
    const worker = warm?.adopt();
    warm = undefined;
    worker?.postMessage(options.workerData());
    return worker;
  };

  const start = (): void => {
    const startedAtMs = performance.now();
    let error: Error | undefined;
    const worker =
      adoptWarm() ?? new Worker(options.entry, { workerData: options.workerData(), name: options.name });
    const ownCalls = connectThread<Remote, Local>(worker, options.methods);
    calls = ownCalls;
    worker.on('error', (thrown) => {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    });
    exited = new Promise((resolve) => {
      worker.on('exit', (exitCode) => {
        ownCalls.close(`${options.name} ended`);
        resolve();
        if (isWanted) onExit(exitCode, error, startedAtMs);
      });
    });
  };

  const onExit = (exitCode: number, error: Error | undefined, startedAtMs: number): void => {
    if (performance.now() - startedAtMs > recoveredAfterMs) inARow = 0;
    inARow++;
    const failure: ThreadFailure = { exitCode, error, inARow };
    options.onFailure(failure);
    if (isRetired) return;
    if (inARow >= failuresInARow) {
      options.onGiveUp(failure);
      return;
    }
    restart = setTimeout(start, Math.min(longestDelayMs, firstDelayMs * 2 ** (inARow - 1)));
  };

  start();
  return {
    get calls() {
      return calls;
    },
    retire() {
      isRetired = true;
      clearTimeout(restart);
    },
    async ended() {
      isWanted = false;
      clearTimeout(restart);
      await exited;
    },
  };
}

/**
 * The pool of threads for work that would hold up an event loop. Started with the first task, because a node
 * with native signatures and no challenge running needs none; threads that have nothing to do end again, and the
 * memory of their kernels with them. Runs in main.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { NodeError } from '../errors/nodeError.js';
import type { ComputeTaskName, ComputeTasks } from './tasks.js';

export interface ComputePoolOptions {
  /** `auto` = cores − 1, at least 1. */
  readonly threads: number | 'auto';
  /** Tasks that may wait; more are refused. */
  readonly maxQueued: number;
  /** Longest a task may wait and run together, unless it says otherwise. */
  readonly deadlineMs: number;
}

export interface TaskOptions {
  /**
   * Takes the task out of the queue; of a task that runs it ends the thread, with everything the thread keeps. Long
   * work is better cut into many tasks, and the signal looked at between them.
   */
  readonly signal?: AbortSignal;
  /** Of waiting and running together. The thread of a task that runs longer is ended. */
  readonly deadlineMs?: number;
}

export interface ComputePool {
  /** How many tasks can run at once. */
  readonly threads: number;
  /**
   * Rejects with `compute_failed` when the queue is full, the deadline passes or the task throws, and with the
   * signal's reason when that aborts.
   */
  run<Name extends ComputeTaskName>(
    name: Name,
    argument: ComputeTasks[Name]['argument'],
    options?: TaskOptions,
  ): Promise<ComputeTasks[Name]['result']>;
  close(): Promise<void>;
}

/** Jobs come in bursts or not for hours, and a thread starts in a tenth of a second. */
const idleThreadMs = 10_000;

export function createComputePool(options: ComputePoolOptions): ComputePool {
  const threads =
    options.threads === 'auto' ? Math.max(1, availableParallelism() - 1) : Math.max(1, options.threads);
  let piscina: Promise<Piscina> | undefined;
  let pending = 0;
  const start = async (): Promise<Piscina> => {
    // Loaded with the first task only, like the threads.
    const { Piscina } = await import('piscina');
    return new Piscina({
      filename: fileURLToPath(import.meta.resolve('#workers/compute.js')),
      minThreads: 0,
      maxThreads: threads,
      // Piscina does not count tasks that wait with a signal, and all do; they are counted here.
      maxQueue: Number.POSITIVE_INFINITY,
      // Otherwise it changes their order each time it finds no free thread.
      stricterFIFO: true,
      idleTimeout: idleThreadMs,
      // A thread that waits in `Atomics.wait` runs no timer, and kernels are dropped by one.
      atomics: 'disabled',
    });
  };

  return {
    threads,
    async run(name, argument, { signal, deadlineMs = options.deadlineMs } = {}) {
      signal?.throwIfAborted();
      if (pending >= threads + options.maxQueued) {
        throw new NodeError('compute_failed', { meta: { task: name, reason: 'the queue is full' } });
      }
      // One controller for both reasons: `AbortSignal.any` keeps what it made alive as long as a long-lived signal.
      const ending = new AbortController();
      const onAbort = (): void => ending.abort(signal?.reason);
      const deadline = setTimeout(
        () => ending.abort(new Error(`not done within ${deadlineMs} ms`)),
        deadlineMs,
      );
      signal?.addEventListener('abort', onAbort);
      pending++;
      try {
        piscina ??= start();
        return await (await piscina).run(argument, { name, signal: ending.signal });
      } catch (thrown) {
        signal?.throwIfAborted();
        const cause = ending.signal.aborted ? ending.signal.reason : thrown;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new NodeError('compute_failed', { meta: { task: name, reason }, cause });
      } finally {
        pending--;
        clearTimeout(deadline);
        signal?.removeEventListener('abort', onAbort);
      }
    },
    async close() {
      await (await piscina)?.close({ force: true });
    },
  };
}

/**
 * The pool of threads for work that would hold up an event loop. Started with the first task, because a node
 * with native signatures and no challenge running needs none. Runs in main.
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
  /** Longest a task may wait and run together. */
  readonly deadlineMs: number;
}

export interface ComputePool {
  /** Rejects with `compute_failed` when the queue is full, the deadline passes or the task throws. */
  run<Name extends ComputeTaskName>(
    name: Name,
    argument: ComputeTasks[Name]['argument'],
  ): Promise<ComputeTasks[Name]['result']>;
  close(): Promise<void>;
}

export function createComputePool({ threads, maxQueued, deadlineMs }: ComputePoolOptions): ComputePool {
  let piscina: Promise<Piscina> | undefined;
  const start = async (): Promise<Piscina> => {
    // Loaded with the first task only, like the threads.
    const { Piscina } = await import('piscina');
    return new Piscina({
      filename: fileURLToPath(import.meta.resolve('#workers/compute.js')),
      minThreads: 1,
      maxThreads: threads === 'auto' ? Math.max(1, availableParallelism() - 1) : threads,
      maxQueue: maxQueued,
      idleTimeout: 30_000,
    });
  };

  return {
    async run(name, argument) {
      piscina ??= start();
      try {
        return await (await piscina).run(argument, { name, signal: AbortSignal.timeout(deadlineMs) });
      } catch (cause) {
        throw new NodeError('compute_failed', { meta: { task: name }, cause });
      }
    },
    async close() {
      await (await piscina)?.close({ force: true });
    },
  };
}

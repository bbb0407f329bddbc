/**
 * Lets one job run at a time, in the order in which they came: two would take turns at throwing out what the other
 * one keeps in the threads. Runs wherever an engine is called.
 */
import { NodeError } from '../errors/nodeError.js';

export interface Turns {
  /**
   * Rejects at once with the signal's reason when that aborts; a job that has begun is to notice the signal itself,
   * and the next one waits until it has ended.
   */
  take<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** @param maxWaiting more are refused with `compute_failed` */
export function oneAtATime(maxWaiting: number): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let pending = 0;
  return {
    take(job, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (pending > maxWaiting) {
        return Promise.reject(
          new NodeError('compute_failed', { meta: { reason: `${maxWaiting} jobs are waiting already` } }),
        );
      }
      pending++;
      const turn = last.then(() => {
        signal.throwIfAborted();
        return job();
      });
      const ended = (): void => {
        pending--;
      };
      last = turn.then(ended, ended);
      return untilAborted(turn, signal);
    },
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const forget = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(forget);
  });
}

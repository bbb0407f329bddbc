/**
 * Jobs one at a time, first come first served, in a line of bounded length. A job that is waiting leaves the line
 * at once when its signal aborts; one that runs holds its place until it has really ended, so that no job measures
 * another one's time. Runs in main.
 */
import { NodeError } from '../errors/nodeError.js';

export interface JobLane {
  /**
   * @throws NodeError `queue_full` when the line is as long as it may be
   * @throws the signal's reason when it aborts while the job waits
   */
  run<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Jobs that wait, without the one that runs. */
  readonly waiting: number;
  readonly isBusy: boolean;
}

interface Turn {
  readonly take: () => void;
}

export function createJobLane(maxWaiting: number): JobLane {
  const line: Turn[] = [];
  let isBusy = false;

  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const waiting: Turn = {
        take() {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        line.splice(line.indexOf(waiting), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      line.push(waiting);
    });

  const next = (): void => {
    const first = line.shift();
    if (first === undefined) isBusy = false;
    else first.take();
  };

  return {
    async run(job, signal) {
      signal.throwIfAborted();
      if (!isBusy) isBusy = true;
      else if (line.length >= maxWaiting) {
        throw new NodeError('queue_full', { message: 'Too many computations are waiting.' });
      } else await turn(signal);
      try {
        return await job();
      } finally {
        next();
      }
    },
    get waiting() {
      return line.length;
    },
    get isBusy() {
      return isBusy;
    },
  };
}

/** What happens when a thread fails: it is counted and logged, and the process ends when that cannot go on. Runs in main. */
import type { Logger } from '../logger/logger.js';
import type { ThreadFailure } from '../threads/supervisedThread.js';

export interface ThreadFailuresOptions {
  readonly countRestart: (thread: 'front' | 'registry') => void;
  /** Ends the process. */
  readonly abort: (exitCode: number) => void;
  readonly log: Logger;
}

/** The process cannot go on and the service manager should start it again (EX_SOFTWARE). */
const exitInternal = 70;

export class ThreadFailures {
  readonly #options: ThreadFailuresOptions;
  #restarts = 0;

  constructor(options: ThreadFailuresOptions) {
    this.#options = options;
  }

  /** Threads that failed and were replaced. */
  get restarts(): number {
    return this.#restarts;
  }

  /** A thread ended unasked. */
  count(thread: 'front' | 'registry', { error, exitCode, inARow }: ThreadFailure): void {
    this.#restarts++;
    this.#options.countRestart(thread);
    this.#options.log.error({ err: error, exitCode, inARow }, `${thread} thread failed`);
  }

  giveUp(name: string): void {
    this.#options.log.fatal({ failed: name }, 'a thread fails again and again: the process ends');
    this.endProcess();
  }

  hang(name: string): void {
    this.#options.log.fatal({ failed: name }, 'a front hangs: the process ends');
    this.endProcess();
  }

  endProcess(): void {
    this.#options.abort(exitInternal);
  }
}

/** What must be closed, in the order in which it came to be. Runs in main. */
import type { Logger } from '../logger/logger.js';

export class Closers {
  readonly #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** In reverse; one that fails does not keep the others from closing. */
  async closeAll(log: Logger): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (err) {
        log.warn({ err }, 'a part did not close in good order');
      }
    }
  }
}

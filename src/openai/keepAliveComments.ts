/**
 * Comments in an event stream that has fallen quiet, so that proxies on the way do not take it for dead; clients
 * skip them. Only in a stream that has begun: before, a failure can still be told with a status, which is worth
 * more. Only between frames, and not to a client that does not even take what it has. Runs on the fronts.
 */
import type { Exchange } from '../http/exchange.js';

/** The part of an exchange that this needs. */
type QuietExchange = Pick<Exchange, 'attempt' | 'write' | 'onEnd' | 'isBackedUp' | 'isOpen'>;

const comment = Buffer.from(': keepalive\n\n');

export class KeepAliveComments {
  readonly #x: QuietExchange;
  readonly #isBetweenFrames: () => boolean;
  readonly #timer: NodeJS.Timeout;

  /** @param isBetweenFrames whether what was sent so far ends with a whole frame */
  constructor(x: QuietExchange, quietMs: number, isBetweenFrames: () => boolean) {
    this.#x = x;
    this.#isBetweenFrames = isBetweenFrames;
    this.#timer = setTimeout(this.#onQuiet, quietMs);
    x.onEnd(() => clearTimeout(this.#timer));
  }

  /** Something was sent: the wait begins anew. */
  restart(): void {
    this.#timer.refresh();
  }

  readonly #onQuiet = (): void => {
    const x = this.#x;
    x.attempt(() => {
      if (!x.isBackedUp && this.#isBetweenFrames()) x.write(comment);
    });
    // After its end a timer must not be set again.
    if (x.isOpen) this.#timer.refresh();
  };
}

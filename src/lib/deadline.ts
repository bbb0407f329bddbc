/**
 * A deadline that a caller's own signal may come before. Made of a plain timer: `AbortSignal.any` over
 * `AbortSignal.timeout` can be collected before it fires (nodejs/node#54614). Runs everywhere.
 */

export interface Deadline {
  /** Aborts with the caller's reason, or when the time is over. */
  readonly signal: AbortSignal;
  /** The time was over first. */
  readonly hasPassed: boolean;
  /** To be called in any case, when the work has ended. */
  end(): void;
}

export function startDeadline(withinMs: number, left: AbortSignal): Deadline {
  const abort = new AbortController();
  let hasPassed = false;
  const onLeft = (): void => abort.abort(left.reason);
  const timer = setTimeout(() => {
    hasPassed = !abort.signal.aborted;
    abort.abort(new Error(`not done within ${withinMs} ms`));
  }, withinMs);
  if (left.aborted) onLeft();
  else left.addEventListener('abort', onLeft, { once: true });
  return {
    signal: abort.signal,
    get hasPassed() {
      return hasPassed;
    },
    end() {
      clearTimeout(timer);
      left.removeEventListener('abort', onLeft);
    },
  };
}

/**
 * Keeps something costly as long as it is used, and lets go of it soon after. Runs in the compute threads, for the
 * memory of a kernel: hundreds of megabytes for a large matrix, needed again at once or not for days.
 */

/** Longer than the gap between two bands of one job on a busy machine. */
const idleMs = 2_000;

/** @returns calls back with the one that `open` made, opened again after it was dropped */
export function keepWhileUsed<T>(open: () => T): <Result>(work: (kept: T) => Result) => Result {
  let kept: T | undefined;
  let timer: NodeJS.Timeout | undefined;
  const drop = (): void => {
    kept = undefined;
  };
  return (work) => {
    // Work may take longer than the timer, and would find its successor without what it kept.
    clearTimeout(timer);
    kept ??= open();
    try {
      return work(kept);
    } finally {
      timer = setTimeout(drop, idleMs).unref();
    }
  };
}

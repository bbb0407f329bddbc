/**
 * Keeps something costly as long as it is asked for, and lets go of it soon after. Runs in the compute threads, for
 * the memory of a kernel: hundreds of megabytes for a large matrix, needed again at once or not for days.
 */

/** Longer than the gap between two bands of one job on a busy machine. */
const idleMs = 2_000;

/** @returns the one that `open` made, opened again after it was dropped */
export function keepWhileUsed<T>(open: () => T): () => T {
  let kept: T | undefined;
  let timer: NodeJS.Timeout | undefined;
  const drop = (): void => {
    kept = undefined;
  };
  return () => {
    kept ??= open();
    clearTimeout(timer);
    timer = setTimeout(drop, idleMs).unref();
    return kept;
  };
}

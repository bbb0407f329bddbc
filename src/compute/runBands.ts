/**
 * Runs the bands of one job on the pool's threads, as many at once as it is given lanes. The signal is looked at
 * before each band; one that runs is let end, because ending it would end its thread. Runs in main.
 */

export interface BandJob {
  readonly bands: number;
  readonly lanes: number;
  readonly signal: AbortSignal;
  /** Called with 0, 1, 2 … in this order. */
  run(band: number): Promise<void>;
}

/** Settles when no band runs any more; rejects with the signal's reason or the first failure. */
export async function runBands({ bands, lanes, signal, run }: BandJob): Promise<void> {
  let next = 0;
  const runLane = async (): Promise<void> => {
    while (next < bands && !signal.aborted) {
      try {
        await run(next++);
      } catch (failure) {
        next = bands;
        throw failure;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(lanes, bands) }, runLane));
  signal.throwIfAborted();
  const failed = ended.find((lane) => lane.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * Samples the GPUs of this machine in the background, so that whoever is asked for them answers at once from memory.
 * All reading happens in other processes and files; nothing here waits for a driver. Runs in main.
 */
import { type Clock, systemClock } from '../lib/clock.js';
import type { GpuSample, GpuSource } from '../lib/gpuStat.js';
import type { Logger } from '../logger/logger.js';
import type { GpuReader } from './gpuReader.js';
import { createGpuReaders } from './gpuReaders.js';
import { type ProbeFailure, type ProbeState, probeGpus } from './probeGpus.js';

export interface GpuSamplerOptions {
  readonly log: Logger;
  /** While a GPU is known. */
  readonly intervalMs?: number;
  /** In the order of preference; those of this machine unless told. The sampler closes them. */
  readonly sources?: readonly GpuReader[];
  readonly clock?: Clock;
  readonly onSample?: (sample: GpuSample) => void;
  readonly onFailure?: (failure: ProbeFailure) => void;
}

export interface GpuSamplerStatus {
  /** Of the last sample, stale or not. */
  readonly source: GpuSource | undefined;
  /** Unix milliseconds. */
  readonly sampledAtMs: number | undefined;
  /** Why `latest` has nothing; `undefined` while it has. */
  readonly missing: 'not_sampled' | 'no_gpu' | 'stale' | undefined;
  /** The last failure of any source, until a better or equal source works again. */
  readonly lastError: string | undefined;
}

export interface GpuSampler {
  /** `undefined` before the first sample, without a GPU, and when the last sample is too old to be shown. */
  latest(): GpuSample | undefined;
  status(): GpuSamplerStatus;
  /** Ends the round that runs, and what it started; resolves when nothing more will happen. */
  close(): Promise<void>;
}

/** Long enough for a round that meets a hanging tool and goes on with the next. */
const staleAfterIntervals = 6;

export function createGpuSampler(options: GpuSamplerOptions): GpuSampler {
  const { log, intervalMs = 5_000, clock = systemClock, onSample, onFailure } = options;
  const readers = options.sources ?? createGpuReaders();
  const closing = new AbortController();
  let state: ProbeState = {};
  let sample: GpuSample | undefined;
  let lastFailure: ProbeFailure | undefined;
  let hasLooked = false;
  let isWithoutGpu = false;
  let timer: NodeJS.Timeout | undefined;

  const isFresh = (candidate: GpuSample): boolean =>
    // In both directions: the clock may be set back.
    Math.abs(clock.nowMs() - candidate.sampledAtMs) <= staleAfterIntervals * intervalMs;

  const round = async (): Promise<void> => {
    const result = await probeGpus({
      state,
      readers,
      nowMs: () => clock.nowMs(),
      intervalMs,
      signal: closing.signal,
    });
    if (closing.signal.aborted) return;
    state = result.state;
    hasLooked = true;
    for (const failure of result.failures) report(failure);
    if (result.sample !== undefined) accept(result.sample);
    else if (sample === undefined && !isWithoutGpu) {
      isWithoutGpu = true;
      log.debug({ failures: result.failures }, 'no GPU was found');
    }
    timer = setTimeout(begin, result.nextInMs);
  };

  const report = (failure: ProbeFailure): void => {
    lastFailure = failure;
    onFailure?.(failure);
    if (failure.kind === 'hung') log.warn(failure, 'a source of GPU figures hangs');
    else log.debug(failure, 'a source of GPU figures failed');
  };

  const accept = (next: GpuSample): void => {
    if (sample?.source !== next.source) {
      const gpus = next.stats.map(({ name }) => name);
      log.info(
        { source: next.source, gpus },
        sample === undefined ? 'GPUs are sampled' : 'GPUs are sampled anew',
      );
    }
    const place = (source: GpuSource): number => readers.findIndex((reader) => reader.source === source);
    if (lastFailure !== undefined && place(next.source) <= place(lastFailure.source)) lastFailure = undefined;
    sample = next;
    isWithoutGpu = false;
    onSample?.(next);
  };

  let running: Promise<void> = Promise.resolve();
  const begin = (): void => {
    running = round().catch((err: unknown) => {
      // A defect of a reader, or of a listener; the next round may do better.
      log.error({ err }, 'sampling GPUs failed');
      if (!closing.signal.aborted) timer = setTimeout(begin, intervalMs);
    });
  };
  begin();

  return {
    latest: () => (sample !== undefined && isFresh(sample) ? sample : undefined),
    status: () => ({
      source: sample?.source,
      sampledAtMs: sample?.sampledAtMs,
      missing: missingBecause(),
      lastError: lastFailure && `${lastFailure.source}: ${lastFailure.reason}`,
    }),
    async close() {
      clearTimeout(timer);
      closing.abort();
      for (const reader of readers) reader.close?.();
      await running;
      clearTimeout(timer);
    },
  };

  function missingBecause(): GpuSamplerStatus['missing'] {
    if (sample !== undefined) return isFresh(sample) ? undefined : 'stale';
    return hasLooked ? 'no_gpu' : 'not_sampled';
  }
}

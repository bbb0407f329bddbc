/**
 * Something far away that is fetched again and again and kept when fetching fails. The first read starts at once;
 * a failed one is tried again after 250 ms, doubling up to 15 s or the interval; reads never overlap. Intervals
 * carry jitter, so that nodes started together do not ask together. Runs in the registry thread.
 */
import type { Clock } from '../lib/clock.js';

export interface CachedRegistryOptions<T> {
  /** Bounds its own time: a fetch that never settles would end the polling. */
  fetch(): Promise<T>;
  /** Takes a fetched value over; a throw makes the read a failed one and keeps the last good value. */
  store(value: T, readAtMs: number): void | Promise<void>;
  onOutcome(outcome: ReadOutcome): void;
  readonly pollIntervalMs: number;
  readonly clock: Clock;
  /** `setTimeout` unless told; returns what cancels it. */
  readonly setTimer?: (callback: () => void, delayMs: number) => () => void;
  /** `Math.random` unless told. */
  readonly random?: () => number;
}

export type ReadOutcome =
  | { readonly ok: true; readonly durationMs: number; readonly nextInMs: number }
  | { readonly ok: false; readonly error: unknown; readonly attempt: number; readonly nextInMs: number };

export interface CachedRegistry<T> {
  /** The last good value and when its read began (Unix ms); `undefined` before the first. */
  lastGood(): { readonly value: T; readonly readAtMs: number } | undefined;
  /** What went wrong last; `undefined` after a good read. */
  lastError(): unknown;
  /** Reads now, or joins the read under way; never rejects. */
  refresh(): Promise<void>;
  /** Ends the polling and waits for the read under way. */
  close(): Promise<void>;
}

const firstRetryMs = 250;
const maxRetryMs = 15_000;
const jitter = 0.1;

function setUnreferencedTimer(callback: () => void, delayMs: number): () => void {
  const timer = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timer);
}

export function startCachedRegistry<T>(options: CachedRegistryOptions<T>): CachedRegistry<T> {
  const { clock, pollIntervalMs, setTimer = setUnreferencedTimer, random = Math.random } = options;
  let lastGood: { value: T; readAtMs: number } | undefined;
  let lastError: unknown;
  let failures = 0;
  let reading: Promise<void> | undefined;
  let cancelNext: (() => void) | undefined;
  let isClosed = false;

  const delayAfter = (failed: number): number => {
    const baseMs =
      failed === 0
        ? pollIntervalMs
        : Math.min(firstRetryMs * 2 ** Math.min(failed - 1, 16), maxRetryMs, pollIntervalMs);
    return Math.round(baseMs * (1 - jitter + 2 * jitter * random()));
  };

  const readOnce = async (): Promise<void> => {
    // The age counts from before the read: what it saw is at least that recent.
    const readAtMs = clock.nowMs();
    const started = performance.now();
    try {
      const value = await options.fetch();
      await options.store(value, readAtMs);
      lastGood = { value, readAtMs };
      lastError = undefined;
      failures = 0;
    } catch (error) {
      lastError = error;
      failures++;
    }
    if (isClosed) return;
    const nextInMs = delayAfter(failures);
    cancelNext = setTimer(() => void refresh(), nextInMs);
    options.onOutcome(
      failures === 0
        ? { ok: true, durationMs: performance.now() - started, nextInMs }
        : { ok: false, error: lastError, attempt: failures, nextInMs },
    );
  };

  const refresh = (): Promise<void> => {
    if (isClosed) return Promise.resolve();
    cancelNext?.();
    reading ??= readOnce().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  void refresh();
  return {
    lastGood: () => lastGood,
    lastError: () => lastError,
    refresh,
    async close() {
      isClosed = true;
      cancelNext?.();
      await reading;
    },
  };
}

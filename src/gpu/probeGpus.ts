/**
 * One round of looking for GPUs: asks the sources in order until one knows a GPU. Which source worked needs no memory
 * of its own: those before it wait out their delays, so the same one is asked first again, until the next attempt with
 * a better one is due. State and result are plain data, so that a round can run in any thread. Runs in main.
 */
import type { GpuSample, GpuSource } from '../lib/gpuStat.js';
import type { GpuReader, ReadOutcome } from './gpuReader.js';
import { gpuSample } from './gpuReading.js';
import { isAlive, type ProcessMark } from './processMark.js';

export interface SourceState {
  /** Reads in a row that were of no use. */
  readonly failures: number;
  /** Unix milliseconds; not asked before. */
  readonly notBeforeMs: number;
  /** Whether it has ever known a GPU. */
  readonly hasWorked: boolean;
  /** What was left running when it hung. */
  readonly lingering: ProcessMark | null;
}

/** Sources that were not asked yet have no entry. */
export type ProbeState = Readonly<Partial<Record<GpuSource, SourceState>>>;

export interface ProbeFailure {
  readonly source: GpuSource;
  readonly kind: 'failed' | 'hung';
  readonly reason: string;
}

export interface ProbeResult {
  /** For the next round. */
  readonly state: ProbeState;
  /** `undefined` when no source knew a GPU. */
  readonly sample: GpuSample | undefined;
  readonly failures: readonly ProbeFailure[];
  /** When the next round is worth its cost. */
  readonly nextInMs: number;
}

export interface ProbeOptions {
  readonly state: ProbeState;
  /** In the order of preference. */
  readonly readers: readonly GpuReader[];
  readonly nowMs: () => number;
  /** Between rounds while a GPU is known. */
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}

/** For what is not installed and for machines without a GPU: a driver that is installed later is found soon enough. */
export const idleIntervalMs = 300_000;
/** What hung once mostly hangs again, and each time costs a round its deadline. */
const firstDelayAfterHangMs = 30_000;
const longestDelayMs = 600_000;

const untried: SourceState = { failures: 0, notBeforeMs: 0, hasWorked: false, lingering: null };

export async function probeGpus(options: ProbeOptions): Promise<ProbeResult> {
  const { readers, nowMs, intervalMs, signal } = options;
  const state: Partial<Record<GpuSource, SourceState>> = { ...options.state };
  const failures: ProbeFailure[] = [];
  for (const reader of readers) {
    const { source } = reader;
    const before = state[source] ?? untried;
    if (signal.aborted || isWaiting(before, nowMs())) continue;
    if (before.lingering !== null && isAlive(before.lingering)) {
      state[source] = { ...before, notBeforeMs: nowMs() + delayAfterHang(before.failures) };
      continue;
    }
    const outcome = await reader.read(signal);
    // What an interruption looks like says nothing about the source.
    if (signal.aborted) break;
    state[source] = stateAfter(before, outcome, nowMs(), intervalMs);
    if (outcome.kind === 'found') {
      const sample = gpuSample(source, outcome.gpus, nowMs());
      return { state, sample, failures, nextInMs: intervalMs };
    }
    if (outcome.kind === 'failed' || outcome.kind === 'hung') {
      failures.push({ source, kind: outcome.kind, reason: outcome.reason });
    }
  }
  return { state, sample: undefined, failures, nextInMs: nextDueInMs(state, nowMs(), intervalMs) };
}

/** A clock that was set back must not make a delay of minutes one of hours. */
const isWaiting = ({ notBeforeMs }: SourceState, nowMs: number): boolean =>
  notBeforeMs > nowMs && notBeforeMs - nowMs <= longestDelayMs;

const doubled = (firstMs: number, failures: number, mostMs: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(Math.max(0, failures - 1), 20));

const delayAfterHang = (failures: number): number => doubled(firstDelayAfterHangMs, failures, longestDelayMs);

function stateAfter(
  before: SourceState,
  outcome: ReadOutcome,
  nowMs: number,
  intervalMs: number,
): SourceState {
  const failures = before.failures + 1;
  switch (outcome.kind) {
    case 'found':
      return { failures: 0, notBeforeMs: 0, hasWorked: true, lingering: null };
    case 'hung':
      return {
        ...before,
        failures,
        notBeforeMs: nowMs + delayAfterHang(failures),
        lingering: outcome.process,
      };
    case 'absent':
      return { ...before, failures, notBeforeMs: nowMs + idleIntervalMs, lingering: null };
    case 'none':
    case 'failed': {
      // A source that has known a GPU, or is broken, may recover at any time; one that knows of none will not.
      const isQuiet = outcome.kind === 'none' && !before.hasWorked;
      const delayMs = isQuiet ? idleIntervalMs : doubled(intervalMs, failures, idleIntervalMs);
      return { ...before, failures, notBeforeMs: nowMs + delayMs, lingering: null };
    }
  }
}

function nextDueInMs(state: ProbeState, nowMs: number, intervalMs: number): number {
  const dueInMs = Object.values(state).map(({ notBeforeMs }) => notBeforeMs - nowMs);
  return Math.max(intervalMs, Math.min(idleIntervalMs, ...dueInMs));
}

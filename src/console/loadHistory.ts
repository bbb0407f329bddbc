/**
 * The load of the last ten minutes, one row a second, and the totals since the start, made from the fronts' counters.
 * Reading them takes some microseconds and asks no thread, so it goes on whether anybody looks or not, and a page that
 * is opened has its charts at once. Runs in main.
 */
import type { Clock } from '../lib/clock.js';
import { durationBuckets, durationQuantile } from '../lib/durationBuckets.js';
import type { GpuSample } from '../lib/gpuStat.js';
import { Ring } from '../lib/ring.js';
import {
  type FrontTotals,
  firstDurationColumn,
  firstFirstTokenColumn,
  totalsColumn,
  totalsColumns,
} from '../shm/frontTotals.js';
import type { Column, GpuHistory, HistoryDocument, Percentiles } from './statusDocument.js';

export interface LoadHistoryOptions {
  readonly totals: Pick<FrontTotals, 'sumInto'>;
  /** Open requests on the public port, now. */
  readonly inFlight: () => number;
  /** Requests that wait for a backend, now. */
  readonly queued: () => number;
  readonly gpus: () => GpuSample | undefined;
  readonly clock: Clock;
  /** Milliseconds that are never set back. */
  readonly monotonicMs?: () => number;
  /** Of processor time used so far. */
  readonly cpuMs?: () => number;
}

/** One second, or what it became. */
export interface LoadPoint {
  readonly atMs: number;
  readonly requestsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly inputTokensPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly inFlight: number;
  readonly openStreams: number;
  readonly queued: number;
  readonly durationP50Ms: number | null;
  readonly durationP95Ms: number | null;
  readonly firstTokenP50Ms: number | null;
  readonly firstTokenP95Ms: number | null;
  readonly cpuPercent: number;
  readonly gpus: readonly GpuPoint[];
}

interface GpuPoint {
  readonly index: number;
  readonly utilizationPercent: number | null;
  readonly memoryUsedMiB: number | null;
}

export const historyIntervalMs = 1_000;
const historyPoints = 600;
/** Percentiles are over this many samples: enough to be calm, few enough to follow what happens. */
const windowSamples = 30;

const processCpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

export class LoadHistory {
  readonly #options: Required<LoadHistoryOptions>;
  readonly #points = new Ring<LoadPoint>(historyPoints);
  /** Sums as they were at the last samples. */
  readonly #window = new Ring<Uint32Array>(windowSamples + 1);
  readonly #totals = new Float64Array(totalsColumns);
  #sampledAtMs: number;
  #cpuMs: number;

  constructor(options: LoadHistoryOptions) {
    this.#options = { monotonicMs: () => performance.now(), cpuMs: processCpuMs, ...options };
    this.#sampledAtMs = this.#options.monotonicMs();
    this.#cpuMs = this.#options.cpuMs();
    this.#window.push(this.#readSums());
  }

  /** Of a column since the start, as of the last sample. */
  total(column: number): number {
    return this.#totals[column]!;
  }

  /** `undefined` before the first sample. */
  get newest(): LoadPoint | undefined {
    return this.#points.newest;
  }

  get durations(): Percentiles {
    return this.#percentiles(firstDurationColumn);
  }

  get firstTokens(): Percentiles {
    return this.#percentiles(firstFirstTokenColumn);
  }

  /** Takes the next sample. */
  sample(): void {
    const { inFlight, queued, gpus, clock, monotonicMs, cpuMs } = this.#options;
    const nowMs = monotonicMs();
    const elapsedS = (nowMs - this.#sampledAtMs) / 1_000;
    if (elapsedS <= 0) return;
    this.#sampledAtMs = nowMs;
    const before = this.#window.newest!;
    const sums = this.#readSums();
    this.#window.push(sums);
    const added = (column: number): number => (sums[column]! - before[column]!) >>> 0;
    for (let column = 0; column < totalsColumns; column++) this.#totals[column]! += added(column);
    const requests =
      added(totalsColumn.completed) +
      added(totalsColumn.clientErrors) +
      added(totalsColumn.serverErrors) +
      added(totalsColumn.left);
    const usedMs = cpuMs() - this.#cpuMs;
    this.#cpuMs += usedMs;
    const { durations, firstTokens } = this;
    const atMs = clock.nowMs();
    // After the clock was set back the rows would no longer be in order.
    if ((this.#points.newest?.atMs ?? 0) >= atMs) this.#points.clear();
    this.#points.push({
      atMs,
      requestsPerSecond: short(requests / elapsedS),
      errorsPerSecond: short(added(totalsColumn.failed) / elapsedS),
      inputTokensPerSecond: short(added(totalsColumn.inputTokens) / elapsedS),
      outputTokensPerSecond: short(added(totalsColumn.outputTokens) / elapsedS),
      inFlight: inFlight(),
      openStreams: sums[totalsColumn.openStreams]!,
      queued: queued(),
      durationP50Ms: durations.p50Ms,
      durationP95Ms: durations.p95Ms,
      firstTokenP50Ms: firstTokens.p50Ms,
      firstTokenP95Ms: firstTokens.p95Ms,
      cpuPercent: short(usedMs / elapsedS / 10),
      gpus: gpuPoints(gpus()),
    });
  }

  /** Rows that were sampled after the given time; all where that lies ahead, because the clock was set back. */
  document(afterMs: number): HistoryDocument {
    const isAhead = afterMs > (this.newest?.atMs ?? 0);
    const points = this.#points.items().filter(({ atMs }) => isAhead || atMs > afterMs);
    const column = <Name extends keyof LoadPoint>(name: Name): LoadPoint[Name][] =>
      points.map((point) => point[name]);
    return {
      intervalMs: historyIntervalMs,
      atMs: column('atMs'),
      requestsPerSecond: column('requestsPerSecond'),
      errorsPerSecond: column('errorsPerSecond'),
      inputTokensPerSecond: column('inputTokensPerSecond'),
      outputTokensPerSecond: column('outputTokensPerSecond'),
      inFlight: column('inFlight'),
      openStreams: column('openStreams'),
      queued: column('queued'),
      durationP50Ms: column('durationP50Ms'),
      durationP95Ms: column('durationP95Ms'),
      firstTokenP50Ms: column('firstTokenP50Ms'),
      firstTokenP95Ms: column('firstTokenP95Ms'),
      cpuPercent: column('cpuPercent'),
      gpus: gpuColumns(points),
    };
  }

  #readSums(): Uint32Array {
    const sums = new Uint32Array(totalsColumns);
    this.#options.totals.sumInto(sums);
    return sums;
  }

  #percentiles(firstColumn: number): Percentiles {
    const samples = this.#window.items();
    const [oldest, newest] = [samples[0]!, samples.at(-1)!];
    const counts = new Uint32Array(durationBuckets);
    let count = 0;
    for (let bucket = 0; bucket < durationBuckets; bucket++) {
      counts[bucket] = newest[firstColumn + bucket]! - oldest[firstColumn + bucket]!;
      count += counts[bucket]!;
    }
    const quantile = (q: number): number | null => {
      const ms = durationQuantile(counts, q);
      return ms === null ? null : short(ms);
    };
    const windowS = (windowSamples * historyIntervalMs) / 1_000;
    return { windowS, count, p50Ms: quantile(0.5), p95Ms: quantile(0.95) };
  }
}

/** Four digits are more than a chart shows, and a third of the bytes. */
const short = (value: number): number => Number(value.toPrecision(4));

function gpuPoints(sample: GpuSample | undefined): GpuPoint[] {
  return (sample?.stats ?? []).map((stat, place) => ({
    index: sample?.details[place]?.index ?? place,
    utilizationPercent: stat.utilization_gpu_pct,
    memoryUsedMiB: stat.vram_used_mb,
  }));
}

function gpuColumns(points: readonly LoadPoint[]): GpuHistory[] {
  const indexes = new Set(points.flatMap(({ gpus }) => gpus.map(({ index }) => index)));
  return [...indexes]
    .sort((left, right) => left - right)
    .map((index) => {
      const own = points.map(({ gpus }) => gpus.find((gpu) => gpu.index === index));
      const column = (read: (point: GpuPoint) => number | null): Column =>
        own.map((point) => (point === undefined ? null : read(point)));
      return {
        index,
        utilizationPercent: column((point) => point.utilizationPercent),
        memoryUsedMiB: column((point) => point.memoryUsedMiB),
      };
    });
}

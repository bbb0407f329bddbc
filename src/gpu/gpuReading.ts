/**
 * What a source says of one GPU, made into what the network and the metrics read: every figure is checked here and
 * nowhere else, so that a tool's mistake becomes "not measured" instead of a number. Runs in main.
 */
import type { GpuDetail, GpuSample, GpuSource, GpuStat } from '../lib/gpuStat.js';

/** Figures as a source gives them: numbers or their text; anything else counts as not measured. Memory in MiB. */
export interface GpuFigures {
  readonly name?: unknown;
  readonly driverVersion?: unknown;
  readonly uuid?: unknown;
  readonly totalMb?: unknown;
  readonly usedMb?: unknown;
  readonly freeMb?: unknown;
  readonly utilizationGpu?: unknown;
  readonly utilizationMemory?: unknown;
  readonly hasUnifiedMemory?: boolean;
  readonly temperatureC?: unknown;
  readonly powerW?: unknown;
  readonly smClockMhz?: unknown;
  readonly memoryClockMhz?: unknown;
  readonly xid?: unknown;
}

/** One GPU before its place among the others is known. */
export interface GpuReading {
  readonly stat: GpuStat;
  readonly detail: Omit<GpuDetail, 'index'>;
}

/** Answers and metric labels stay bounded whatever a tool prints; the largest known machines hold 16 GPUs of 7 instances. */
export const maxGpus = 64;
const maxTextLength = 128;

/** Beyond these a figure is a tool's mistake; each is several times what hardware of today has. */
const mostMb = 16 * 1024 * 1024;
const hottestC = 150;
const mostW = 20_000;
const fastestMhz = 20_000;
const largestXid = 100_000;

const numeral = /^\s*[+-]?\d+(?:\.\d+)?\s*$/;

/** A number, or the text of one, between 0 and `most`; `null` for anything else. */
export function measured(value: unknown, most: number): number | null {
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && numeral.test(value)
        ? Number(value)
        : null;
  if (number === null || !Number.isFinite(number) || number < 0 || number > most) return null;
  // Never -0.
  return number + 0;
}

/** What tools print in place of a value. */
const placeholder = /^(?:\[.*\]|n\/?a|not supported|unknown(?: error)?|none|-)$/i;

/** Text without control characters, cut to a bounded length; `null` when nothing is left or it stands for "unknown". */
export function wording(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = value
    .slice(0, 4 * maxTextLength)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const bounded = [...text].slice(0, maxTextLength).join('').trim();
  return bounded === '' || placeholder.test(bounded) ? null : bounded;
}

/** The three memory figures in whole MiB: what is missing follows from the other two, what contradicts them is dropped. */
function memoryOf(figures: GpuFigures): [total: number | null, used: number | null, free: number | null] {
  const whole = (value: unknown): number | null => {
    const mb = measured(value, mostMb);
    return mb === null ? null : Math.round(mb);
  };
  const total = whole(figures.totalMb) || null;
  let used = whole(figures.usedMb);
  let free = whole(figures.freeMb);
  if (total === null) return [null, used, free];
  if (used !== null && used > total) used = null;
  if (free !== null && free > total) free = null;
  if (free === null && used !== null) free = total - used;
  else if (used === null && free !== null) used = total - free;
  return [total, used, free];
}

export function gpuReading(figures: GpuFigures): GpuReading {
  const [total, used, free] = memoryOf(figures);
  const measurements = {
    name: wording(figures.name),
    driver_version: wording(figures.driverVersion),
    vram_total_mb: total,
    vram_used_mb: used,
    vram_free_mb: free,
    utilization_gpu_pct: measured(figures.utilizationGpu, 100),
    utilization_mem_pct: measured(figures.utilizationMemory, 100),
  };
  const unavailable = Object.entries(measurements).flatMap(([field, value]) =>
    value === null ? [field] : [],
  );
  return {
    stat: {
      ...measurements,
      ...(figures.hasUnifiedMemory === true ? { unified_memory: true } : {}),
      ...(unavailable.length > 0 ? { unavailable } : {}),
    },
    detail: {
      uuid: wording(figures.uuid),
      temperatureC: measured(figures.temperatureC, hottestC),
      powerW: measured(figures.powerW, mostW),
      smClockMhz: measured(figures.smClockMhz, fastestMhz),
      memoryClockMhz: measured(figures.memoryClockMhz, fastestMhz),
      xid: measured(figures.xid, largestXid),
    },
  };
}

export function gpuSample(
  source: GpuSource,
  readings: readonly GpuReading[],
  sampledAtMs: number,
): GpuSample {
  const bounded = readings.slice(0, maxGpus);
  return {
    source,
    sampledAtMs,
    stats: bounded.map(({ stat }) => stat),
    details: bounded.map(({ detail }, index) => ({ index, ...detail })),
  };
}

/**
 * The arithmetic of a bucket that fills at a steady rate, kept as one number: the moment at which it will be full
 * again (the generic cell rate algorithm of ATM, ITU-T I.371). `shm/limitTable.ts` and the scripts of
 * `redis/limitScripts.ts` keep that moment; this file is what both mean by it. Runs on the fronts.
 */

/** How fast a bucket fills and how much it holds. */
export interface BucketRate {
  /** Time in which one unit flows in. */
  readonly costNs: number;
  /** Units in a full bucket. */
  readonly burst: number;
}

const nsPerSecond = 1e9;

/** One second's worth can be sent at once, a single request where a second has less; `undefined` means no limit. */
export function requestRate(perSecond: number): BucketRate | undefined {
  if (perSecond <= 0) return undefined;
  // Whole, so that a burst of n is exactly n: sums of whole numbers have no rounding.
  const costNs = Math.max(1, Math.round(nsPerSecond / perSecond));
  return { costNs, burst: Math.max(1, Math.floor(perSecond)) };
}

/** One minute's worth can be used at once; `undefined` means no limit. */
export function tokenRate(perMinute: number): BucketRate | undefined {
  if (perMinute <= 0) return undefined;
  return { costNs: (60 * nsPerSecond) / perMinute, burst: perMinute };
}

/** How long a bucket that misses `missingNs` keeps one unit from being taken; 0 when it can be. */
export function waitNs({ costNs, burst }: BucketRate, missingNs: number): number {
  return Math.max(0, missingNs + costNs - burst * costNs);
}

/** Whole units that can be taken now. */
export function unitsLeft({ costNs, burst }: BucketRate, missingNs: number): number {
  return Math.max(0, Math.floor(burst - missingNs / costNs));
}

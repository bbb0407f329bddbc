/**
 * Durations counted in buckets whose bounds grow by a fixed factor, so that a percentile is as exact at a millisecond as
 * at a minute. The factor is the fourth root of two: what is read back is off by 10 % at most. Runs on the fronts and in
 * main.
 */

const perDoubling = 4;
/** 2^-4 ms: nothing that crosses a socket twice is faster. */
const smallest = -4 * perDoubling;
/** 2^21 ms, above half an hour; what takes longer counts as that. */
const largest = 21 * perDoubling;

export const durationBuckets = largest - smallest + 1;

/** The bucket of a duration: the first whose upper bound is not below it. */
export function durationBucket(ms: number): number {
  if (!(ms > 0)) return 0;
  const place = Math.ceil(perDoubling * Math.log2(ms));
  return Math.min(largest, Math.max(smallest, place)) - smallest;
}

/** Upper bound in milliseconds. */
export const bucketBoundMs = (bucket: number): number => 2 ** ((bucket + smallest) / perDoubling);

/** The duration below which the share `q` (0 to 1) of what was counted lies; `null` when nothing was. */
export function durationQuantile(counts: ArrayLike<number>, q: number): number | null {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket]!;
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket]!;
    if (count > 0 && below + count >= rank) {
      const fromMs = bucket === 0 ? 0 : bucketBoundMs(bucket - 1);
      return fromMs + ((bucketBoundMs(bucket) - fromMs) * (rank - below)) / count;
    }
    below += count;
  }
  return bucketBoundMs(counts.length - 1);
}

/**
 * What a caller reads about its limits, in the headers that OpenAI's API sends and its clients know. Runs on the
 * fronts.
 */
import { type BucketRate, unitsLeft } from '../lib/bucketRate.js';
import type { BucketLevels, CallerLimits } from '../lib/callerLimits.js';

/** Calls `set` for each header; none for a limit that is off. OpenAI has none for streams at once. */
export function limitHeaders(
  limits: CallerLimits,
  levels: BucketLevels,
  set: (name: string, value: string) => void,
): void {
  if (limits.requests !== undefined)
    bucketHeaders('requests', limits.requests, levels.requestsMissingNs, set);
  if (limits.tokens !== undefined) bucketHeaders('tokens', limits.tokens, levels.tokensMissingNs, set);
}

function bucketHeaders(
  unit: 'requests' | 'tokens',
  rate: BucketRate,
  missingNs: number,
  set: (name: string, value: string) => void,
): void {
  set(`x-ratelimit-limit-${unit}`, String(rate.burst));
  set(`x-ratelimit-remaining-${unit}`, String(unitsLeft(rate, missingNs)));
  set(`x-ratelimit-reset-${unit}`, resetText(Math.ceil(missingNs / 1e6)));
}

/** Time until a bucket is full, as OpenAI writes it: `0s`, `12ms`, `1.5s`, `6m0s`, `1h0m3s`. */
export function resetText(durationMs: number): string {
  if (durationMs === 0) return '0s';
  if (durationMs < 1_000) return `${durationMs}ms`;
  const hours = Math.floor(durationMs / 3_600_000);
  const minutes = Math.floor(durationMs / 60_000) % 60;
  const seconds = `${(durationMs % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

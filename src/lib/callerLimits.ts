/** What a caller may use, and what a store of limits answers to one request. Runs on the fronts. */
import { type BucketRate, requestRate, tokenRate, waitNs } from './bucketRate.js';

/** As configured; 0 is no limit. */
export interface ConfiguredLimits {
  readonly requestsPerSecond: number;
  readonly concurrentStreams: number;
  readonly tokensPerMinute: number;
}

export interface CallerLimits {
  readonly requests: BucketRate | undefined;
  readonly tokens: BucketRate | undefined;
  /** Requests of one caller in flight at once; 0 is no limit. */
  readonly maxStreams: number;
}

/** `undefined` when nothing is limited. */
export function callerLimits(configured: ConfiguredLimits): CallerLimits | undefined {
  const { requestsPerSecond, concurrentStreams, tokensPerMinute } = configured;
  if (requestsPerSecond <= 0 && concurrentStreams <= 0 && tokensPerMinute <= 0) return undefined;
  return {
    requests: requestRate(requestsPerSecond),
    tokens: tokenRate(tokensPerMinute),
    maxStreams: concurrentStreams,
  };
}

/** What is missing in a caller's buckets until they are full, as time; 0 where a limit is off. */
export interface BucketLevels {
  readonly requestsMissingNs: number;
  readonly tokensMissingNs: number;
}

/** A request that was let in holds a place among its caller's streams until it leaves. */
export interface LimitAdmission {
  readonly isAdmitted: true;
  /** After this request was taken. */
  readonly levels: BucketLevels;
  /** Gives the place back and takes the tokens that were used. Called once. */
  leave(tokens: number): void;
}

export interface LimitRefusal {
  readonly isAdmitted: false;
  readonly levels: BucketLevels;
  readonly refusedBy: 'requests' | 'streams' | 'tokens';
  /** When the same request can succeed, as far as that is known. */
  readonly retryAfterMs: number;
}

/** `unavailable`: whether the limits hold cannot be said at the moment, so the request may not pass. */
export type LimitVerdict = LimitAdmission | LimitRefusal | 'unavailable';

/** When a stream ends nobody knows; long enough not to be a busy loop. */
const streamRetryMs = 1_000;

/**
 * Why one more request may not pass; `undefined` when it may. The reason named is the one that holds longest.
 */
export function refusalOf(
  limits: CallerLimits,
  levels: BucketLevels,
  openStreams: number,
): LimitRefusal | undefined {
  const { requests, tokens, maxStreams } = limits;
  let refusedBy: LimitRefusal['refusedBy'] | undefined;
  let retryAfterMs = 0;
  if (maxStreams > 0 && openStreams >= maxStreams) {
    refusedBy = 'streams';
    retryAfterMs = streamRetryMs;
  }
  const requestsMs = requests === undefined ? 0 : Math.ceil(waitNs(requests, levels.requestsMissingNs) / 1e6);
  if (requestsMs > retryAfterMs) {
    refusedBy = 'requests';
    retryAfterMs = requestsMs;
  }
  const tokensMs = tokens === undefined ? 0 : Math.ceil(waitNs(tokens, levels.tokensMissingNs) / 1e6);
  if (tokensMs > retryAfterMs) {
    refusedBy = 'tokens';
    retryAfterMs = tokensMs;
  }
  return refusedBy === undefined ? undefined : { isAdmitted: false, levels, refusedBy, retryAfterMs };
}

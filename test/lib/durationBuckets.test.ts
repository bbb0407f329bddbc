import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  bucketBoundMs,
  durationBucket,
  durationBuckets,
  durationQuantile,
} from '#src/lib/durationBuckets.js';
import { propertyRuns } from '#test/runs.js';

const counted = (durations: readonly number[]): Uint32Array => {
  const counts = new Uint32Array(durationBuckets);
  for (const ms of durations) counts[durationBucket(ms)]!++;
  return counts;
};

it('puts every duration into the first bucket whose bound is not below it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      const bucket = durationBucket(ms);
      assert.ok(bucket >= 0 && bucket < durationBuckets);
      if (bucket < durationBuckets - 1) assert.ok(bucketBoundMs(bucket) >= ms * (1 - 1e-12));
      if (bucket > 0) assert.ok(bucketBoundMs(bucket - 1) < ms * (1 + 1e-12));
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

it('takes what is no duration for the shortest', () => {
  for (const odd of [0, -1, Number.NaN]) assert.equal(durationBucket(odd), 0);
});

it('reads percentiles back within 10 %', () => {
  const durations = Array.from({ length: 1_000 }, (_, index) => 1 + index);
  const counts = counted(durations);
  for (const [q, expected] of [
    [0.5, 500],
    [0.95, 950],
    [0.99, 990],
  ] as const) {
    const found = durationQuantile(counts, q) ?? Number.NaN;
    assert.ok(Math.abs(found / expected - 1) < 0.1, `${q}: ${found} for ${expected}`);
  }
});

it('keeps p50 and p95 apart where a few are slow', () => {
  const counts = counted([...new Array<number>(90).fill(20), ...new Array<number>(10).fill(2_000)]);
  assert.ok((durationQuantile(counts, 0.5) ?? Infinity) < 22);
  assert.ok((durationQuantile(counts, 0.95) ?? 0) > 1_600);
});

it('knows no percentile of nothing', () => {
  assert.equal(durationQuantile(new Uint32Array(durationBuckets), 0.5), null);
});

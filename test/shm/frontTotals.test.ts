import assert from 'node:assert/strict';
import { it } from 'node:test';
import { durationBucket } from '#src/lib/durationBuckets.js';
import {
  authOutcomes,
  createFrontTotals,
  FrontTotals,
  firstAuthColumn,
  firstDurationColumn,
  firstFirstTokenColumn,
  totalsColumn,
  totalsColumns,
} from '#src/shm/frontTotals.js';

const openTotals = (fronts: number) => {
  const totals = new FrontTotals(createFrontTotals(fronts));
  const sums = new Uint32Array(totalsColumns);
  return {
    totals,
    sum: (column: number): number => {
      totals.sumInto(sums);
      return sums[column]!;
    },
  };
};

it('adds all fronts up, each column by itself', () => {
  const { totals, sum } = openTotals(3);
  totals.add(0, totalsColumn.completed, 2);
  totals.add(2, totalsColumn.completed, 5);
  totals.add(1, totalsColumn.inputTokens, 1_000);
  assert.deepEqual(
    [sum(totalsColumn.completed), sum(totalsColumn.inputTokens), sum(totalsColumn.left)],
    [7, 1_000, 0],
  );
});

it('counts durations and times to first token in buckets of their own', () => {
  const { totals, sum } = openTotals(1);
  totals.countDuration(0, 100);
  totals.countFirstToken(0, 100);
  totals.countFirstToken(0, 100);
  const bucket = durationBucket(100);
  assert.deepEqual([sum(firstDurationColumn + bucket), sum(firstFirstTokenColumn + bucket)], [1, 2]);
});

it('counts an outcome that it does not know as an error', () => {
  const { totals, sum } = openTotals(1);
  totals.countAuth(0, 'accepted');
  totals.countAuth(0, 'auth_replayed');
  totals.countAuth(0, 'something new');
  const of = (outcome: string): number => sum(firstAuthColumn + authOutcomes.indexOf(outcome));
  assert.deepEqual([of('accepted'), of('auth_replayed'), of('error')], [1, 1, 1]);
});

it('forgets the streams of a dead front, and nothing else', () => {
  const { totals, sum } = openTotals(2);
  for (const front of [0, 1]) {
    totals.add(front, totalsColumn.openStreams, 2);
    totals.add(front, totalsColumn.completed, 1);
  }
  totals.add(1, totalsColumn.openStreams, -1);
  totals.clearFront(0);
  assert.deepEqual([sum(totalsColumn.openStreams), sum(totalsColumn.completed)], [1, 2]);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { callerLimits } from '#src/lib/callerLimits.js';
import { inMemoryLimits } from '#src/limits/limitStore.js';
import { createLimitTable, LimitTable } from '#src/shm/limitTable.js';
import { propertyRuns } from '#test/runs.js';
import { admitted, callerOf, describeLimitStore, enter, refused } from './limitStoreContract.js';

describe('limits in shared memory', () => {
  describeLimitStore(async (limits) => {
    let nowNs = 5e15;
    const memory = createLimitTable({ fronts: 2 });
    const front = (index: number) => inMemoryLimits(new LimitTable(memory, limits), index, () => nowNs);
    return {
      fronts: [front(0), front(1)],
      nowMs: () => nowNs / 1e6,
      async advance(ms) {
        nowNs += ms * 1e6;
      },
      close: () => Promise.resolve(),
    };
  });

  it('lets in exactly what a bucket of that size holds, at any rate and moment', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.01, max: 5_000, noNaN: true }),
        fc.nat(2 ** 50),
        async (perSecond, startNs) => {
          const limits = callerLimits({
            requestsPerSecond: perSecond,
            concurrentStreams: 0,
            tokensPerMinute: 0,
          })!;
          const store = inMemoryLimits(
            new LimitTable(createLimitTable({ fronts: 1, buckets: 1, rowsPerBucket: 2 }), limits),
            0,
            () => startNs,
          );
          const burst = Math.max(1, Math.floor(perSecond));
          for (let i = 0; i < burst; i++) (await admitted(store, callerOf(1))).leave(0);
          const { retryAfterMs } = await refused(store, callerOf(1));
          assert.equal(retryAfterMs, Math.ceil(Math.round(1e9 / perSecond) / 1e6));
        },
      ),
      { numRuns: propertyRuns(200) },
    );
  });

  it('gives the row of an idle caller away and keeps all others, also when that refuses newcomers', async () => {
    let nowNs = 1e9;
    const limits = callerLimits({ requestsPerSecond: 1, concurrentStreams: 5, tokensPerMinute: 0 })!;
    const memory = createLimitTable({ fronts: 1, buckets: 1, rowsPerBucket: 2 });
    const store = inMemoryLimits(new LimitTable(memory, limits), 0, () => nowNs);
    const one = await admitted(store, callerOf(1));
    const two = await admitted(store, callerOf(2));
    assert.equal(await enter(store, callerOf(3)), 'unavailable');
    nowNs += 2e9;
    assert.equal(await enter(store, callerOf(3)), 'unavailable', 'both still have a stream');
    one.leave(0);
    const three = await admitted(store, callerOf(3));
    assert.equal(await enter(store, callerOf(1)), 'unavailable');
    two.leave(0);
    three.leave(0);
    nowNs += 2e9;
    await admitted(store, callerOf(1));
  });

  it('returns the streams of a front that died, and only those', async () => {
    const limits = callerLimits({ requestsPerSecond: 0, concurrentStreams: 2, tokensPerMinute: 0 })!;
    const memory = createLimitTable({ fronts: 2 });
    const [one, two] = [0, 1].map((front) => inMemoryLimits(new LimitTable(memory, limits), front));
    await admitted(one!, callerOf(1));
    await admitted(two!, callerOf(1));
    await refused(two!, callerOf(1));
    new LimitTable(memory, limits).clearFront(0);
    await admitted(two!, callerOf(1));
    assert.equal((await refused(two!, callerOf(1))).refusedBy, 'streams');
  });

  it('finds a row for each of 10,000 callers that are all active', () => {
    const limits = callerLimits({ requestsPerSecond: 1, concurrentStreams: 0, tokensPerMinute: 0 })!;
    const table = new LimitTable(createLimitTable({ fronts: 1 }), limits);
    let missing = 0;
    for (let n = 1; n <= 10_000; n++) if (table.enter(callerOf(n), 0, 1e9) === 'full') missing++;
    assert.ok(missing < 20, `${missing} found none`);
  });
});

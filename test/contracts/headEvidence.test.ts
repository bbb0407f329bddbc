import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  believedTimestampS,
  doubtedHeads,
  type HeadClaim,
  isOlder,
  mayFollow,
} from '#src/contracts/headEvidence.js';
import { propertyRuns } from '#test/runs.js';

const nowS = 1_800_000_000;
const head = (number: number, timestampS = nowS): HeadClaim => ({ number, timestampS });
const honest = head(30_000_000);
const farTooHigh = head(0xffffffffff);

test('of two heads that cannot both be true the higher is doubted', () => {
  assert.deepEqual(doubtedHeads([honest, farTooHigh]), [false, true]);
  assert.deepEqual(doubtedHeads([farTooHigh, honest]), [true, false]);
});

test('a head that two others contradict is doubted, whether it is the higher or the lower', () => {
  const level = head(honest.number + 2);
  assert.deepEqual(doubtedHeads([farTooHigh, honest, level]), [true, false, false]);
  assert.deepEqual(doubtedHeads([honest, head(7), level]), [false, true, false]);
});

test('an endpoint that stopped following the chain months ago makes nobody doubt the others', () => {
  const dayS = 86_400;
  const stuck = head(honest.number - 90 * dayS, nowS - 90 * dayS);
  assert.deepEqual(doubtedHeads([stuck, honest]), [false, false]);
  assert.equal(mayFollow(honest, stuck), true);
});

test('thousands of blocks mined at once do not contradict a head from before', () => {
  assert.deepEqual(doubtedHeads([head(100), head(20_100, nowS + 20_000)]), [false, false]);
});

test('a head is older than one already read only when number and time say so', () => {
  assert.equal(isOlder(head(9, nowS - 1), head(10)), true);
  assert.equal(isOlder(head(9), head(10)), true);
  assert.equal(isOlder(head(10, nowS - 1), head(10)), false);
  assert.equal(isOlder(head(9, nowS + 1), head(10)), false, 'a later block with a lower number');
});

test('a timestamp from the future counts as five minutes ahead at most', () => {
  assert.equal(believedTimestampS(nowS + 299, nowS * 1000), nowS + 299);
  assert.equal(believedTimestampS(nowS + 1e9, nowS * 1000), nowS + 300);
});

test('whatever the heads, one is left to trust, and of those of one chain none is doubted', () => {
  const claim = fc.record({ number: fc.nat(1e9), timestampS: fc.integer({ min: 0, max: nowS }) });
  fc.assert(
    fc.property(fc.array(claim, { minLength: 1, maxLength: 6 }), (heads) => {
      assert.ok(doubtedHeads(heads).includes(false));
    }),
    { numRuns: propertyRuns(1_000) },
  );
  fc.assert(
    fc.property(
      fc.array(fc.nat(nowS), { maxLength: 6 }),
      fc.integer({ min: 1, max: 20 }),
      (times, blocksPerS) => {
        const heads = times.map((timestampS) => head(timestampS * blocksPerS, timestampS));
        assert.ok(!doubtedHeads(heads).includes(true));
      },
    ),
    { numRuns: propertyRuns(1_000) },
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClockWindow, timestampRefusal } from '#src/auth/clockWindow.js';
import { propertyRuns } from '#test/runs.js';

const nowS = 1_750_000_000;
const window: ClockWindow = { maxAgeS: 60, maxSkewS: 30, replayMarkS: 0 };
const isRefused = (timestampS: number, changes: Partial<ClockWindow> = {}): boolean =>
  timestampRefusal(timestampS, nowS, { ...window, ...changes }) !== undefined;

describe('the time window of a signed request', () => {
  it('has exact edges on both sides', () => {
    assert.deepEqual(
      [-61, -60, 0, 30, 31].map((offset) => isRefused(nowS + offset)),
      [true, false, false, false, true],
    );
  });

  it('opens behind the replay mark, not at it', () => {
    assert.deepEqual(
      [-1, 0, 1].map((offset) => isRefused(nowS - 10 + offset, { replayMarkS: nowS - 10 })),
      [true, true, false],
    );
  });

  it('a mark in the future refuses even what is dated now', () => {
    assert.equal(isRefused(nowS, { replayMarkS: nowS + 5 }), true);
    assert.equal(isRefused(nowS + 6, { replayMarkS: nowS + 5 }), false);
  });

  it('is the intersection of its three bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -200, max: 200 }),
        fc.nat(100),
        fc.nat(100),
        fc.integer({ min: -200, max: 200 }),
        (offset, maxAgeS, maxSkewS, mark) => {
          const isInside = offset >= -maxAgeS && offset <= maxSkewS && offset > mark;
          assert.equal(isRefused(nowS + offset, { maxAgeS, maxSkewS, replayMarkS: nowS + mark }), !isInside);
        },
      ),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('refuses every other time that eleven digits can spell', () => {
    for (const timestampS of [0, 1, 99_999_999_999, nowS * 10]) assert.equal(isRefused(timestampS), true);
  });

  it('says which way the clock is off and by how much', () => {
    const messageOf = (timestampS: number, replayMarkS = 0) => {
      const refusal = timestampRefusal(timestampS, nowS, { ...window, replayMarkS });
      assert.equal(refusal?.code, 'auth_expired');
      return refusal?.message;
    };
    assert.match(messageOf(nowS + 45) ?? '', /45 s ahead/);
    assert.match(messageOf(nowS - 75) ?? '', /75 s old; at most 60 s/);
    assert.match(messageOf(nowS, nowS) ?? '', /start of this node/);
  });
});

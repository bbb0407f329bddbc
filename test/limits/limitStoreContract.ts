/** What every store of limits keeps to, in memory and in Redis alike. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { LimitAdmission, LimitRefusal, LimitVerdict } from '#src/lib/callerLimits.js';
import { type ConfiguredLimits, callerLimits } from '#src/lib/callerLimits.js';
import type { LimitStore } from '#src/limits/limitStore.js';

export interface LimitStoreStand {
  /** As many fronts as the store has, each with its own way to it. */
  readonly fronts: readonly [LimitStore, LimitStore];
  /** The store's time, from anywhere. */
  nowMs(): number;
  /** Lets time pass for the store. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const callerOf = (n: number): Int32Array => Int32Array.of(n, n * 7, -n, 3, 4);

export const enter = (store: LimitStore, caller: Int32Array): Promise<LimitVerdict> =>
  new Promise((resolve) => store.enter(caller, resolve));

export async function admitted(store: LimitStore, caller: Int32Array): Promise<LimitAdmission> {
  const verdict = await enter(store, caller);
  assert.ok(verdict !== 'unavailable' && verdict.isAdmitted, JSON.stringify(verdict));
  return verdict;
}

export async function refused(store: LimitStore, caller: Int32Array): Promise<LimitRefusal> {
  const verdict = await enter(store, caller);
  assert.ok(verdict !== 'unavailable' && !verdict.isAdmitted, JSON.stringify(verdict));
  return verdict;
}

const off: ConfiguredLimits = { requestsPerSecond: 0, concurrentStreams: 0, tokensPerMinute: 0 };

export function describeLimitStore(
  open: (limits: NonNullable<ReturnType<typeof callerLimits>>) => Promise<LimitStoreStand>,
): void {
  const withLimits = async (
    configured: Partial<ConfiguredLimits>,
    test: (stand: LimitStoreStand) => Promise<void>,
  ): Promise<void> => {
    const stand = await open(callerLimits({ ...off, ...configured })!);
    try {
      await test(stand);
    } finally {
      await stand.close();
    }
  };

  it('lets one second of requests through at once, over all fronts together, and no more', () =>
    withLimits({ requestsPerSecond: 20 }, async ({ fronts, nowMs }) => {
      const caller = callerOf(1);
      const startedAtMs = nowMs();
      const verdicts = await Promise.all(
        Array.from({ length: 60 }, (_, i) => enter(fronts[i % 2 === 0 ? 0 : 1], caller)),
      );
      const passed = verdicts.filter((verdict) => verdict !== 'unavailable' && verdict.isAdmitted).length;
      const flowedIn = Math.floor((nowMs() - startedAtMs) / 50);
      assert.ok(passed >= 20 && passed <= 20 + flowedIn, `${passed} passed, ${flowedIn} flowed in`);
      assert.ok(verdicts.every((verdict) => verdict !== 'unavailable'));
    }));

  it('says when the next request can succeed, and then it does', () =>
    withLimits({ requestsPerSecond: 2 }, async ({ fronts: [one, two], advance }) => {
      const caller = callerOf(2);
      await admitted(one, caller);
      await admitted(two, caller);
      const refusal = await refused(one, caller);
      assert.equal(refusal.refusedBy, 'requests');
      assert.ok(refusal.retryAfterMs > 0 && refusal.retryAfterMs <= 500, String(refusal.retryAfterMs));
      await advance(refusal.retryAfterMs);
      await admitted(two, caller);
      assert.equal((await refused(one, caller)).refusedBy, 'requests');
    }));

  it('takes nothing for a refused request, and nothing from another caller', () =>
    withLimits({ requestsPerSecond: 2 }, async ({ fronts: [one, two], advance }) => {
      const caller = callerOf(3);
      await admitted(one, caller);
      await admitted(two, caller);
      for (let i = 0; i < 5; i++) await refused(one, caller);
      await admitted(one, callerOf(4));
      await advance(500);
      await admitted(two, caller);
    }));

  it('knows rates below one a second', () =>
    withLimits({ requestsPerSecond: 0.5 }, async ({ fronts: [one, two] }) => {
      await admitted(one, callerOf(5));
      const { retryAfterMs } = await refused(two, callerOf(5));
      assert.ok(retryAfterMs > 1_000 && retryAfterMs <= 2_000, String(retryAfterMs));
    }));

  it('counts open requests over all fronts and gives a place back when one leaves', () =>
    withLimits({ concurrentStreams: 3 }, async ({ fronts: [one, two], advance }) => {
      const caller = callerOf(6);
      const first = await admitted(one, caller);
      await admitted(two, caller);
      await admitted(two, caller);
      assert.equal((await refused(one, caller)).refusedBy, 'streams');
      assert.equal((await refused(two, caller)).refusedBy, 'streams');
      await admitted(one, callerOf(7));
      first.leave(0);
      // Another front hears of it without being asked twice.
      await advance(50);
      await admitted(two, caller);
      assert.equal((await refused(one, caller)).refusedBy, 'streams');
    }));

  it('never lets more streams in than allowed, however many ask at once', () =>
    withLimits({ concurrentStreams: 4 }, async ({ fronts, advance }) => {
      const caller = callerOf(8);
      for (let round = 0; round < 5; round++) {
        const verdicts = await Promise.all(
          Array.from({ length: 30 }, (_, i) => enter(fronts[i % 2 === 0 ? 0 : 1], caller)),
        );
        const admissions = verdicts.filter(
          (verdict): verdict is LimitAdmission => verdict !== 'unavailable' && verdict.isAdmitted,
        );
        assert.equal(admissions.length, 4);
        for (const admission of admissions) admission.leave(0);
        await advance(30);
      }
    }));

  it('refuses a caller in debt until the debt is paid', () =>
    withLimits({ tokensPerMinute: 60_000 }, async ({ fronts: [one, two], advance }) => {
      const caller = callerOf(9);
      // 1,000 tokens flow in each second; one request may use more than there are.
      (await admitted(one, caller)).leave(60_500);
      await advance(30);
      const refusal = await refused(two, caller);
      assert.equal(refusal.refusedBy, 'tokens');
      assert.ok(refusal.retryAfterMs > 100 && refusal.retryAfterMs <= 501, String(refusal.retryAfterMs));
      assert.ok(refusal.levels.tokensMissingNs > 60e9);
      await advance(refusal.retryAfterMs);
      await admitted(one, caller);
      await admitted(one, callerOf(10));
    }));

  it('tells what is left after the request', () =>
    withLimits({ requestsPerSecond: 4, tokensPerMinute: 600 }, async ({ fronts: [one], advance }) => {
      const caller = callerOf(11);
      const first = await admitted(one, caller);
      assert.equal(first.levels.requestsMissingNs, 250e6);
      assert.equal(first.levels.tokensMissingNs, 0);
      first.leave(300);
      await advance(50);
      const { tokensMissingNs } = (await admitted(one, caller)).levels;
      assert.ok(tokensMissingNs > 25e9 && tokensMissingNs <= 30e9, String(tokensMissingNs));
    }));
}

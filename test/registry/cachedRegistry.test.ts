import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { type CachedRegistryOptions, startCachedRegistry } from '#src/registry/cachedRegistry.js';
import { propertyRuns } from '#test/runs.js';

/** A timer that runs when told, and remembers what it was set to. */
function manualTimer() {
  const delays: number[] = [];
  let pending: (() => void) | undefined;
  return {
    delays,
    isSet: () => pending !== undefined,
    setTimer(callback: () => void, delayMs: number) {
      delays.push(delayMs);
      pending = callback;
      return () => {
        if (pending === callback) pending = undefined;
      };
    },
    async fire() {
      const callback = pending;
      pending = undefined;
      callback?.();
      await nextTurn();
    },
  };
}

function open(overrides: Partial<CachedRegistryOptions<number>>) {
  const timer = manualTimer();
  const outcomes: boolean[] = [];
  const registry = startCachedRegistry<number>({
    fetch: () => Promise.resolve(1),
    store: () => undefined,
    onOutcome: ({ ok }) => outcomes.push(ok),
    pollIntervalMs: 60_000,
    clock: { nowMs: () => 1_000 },
    random: () => 0.5,
    setTimer: timer.setTimer,
    ...overrides,
  });
  return { registry, timer, outcomes };
}

test('the first read starts at once, the next after the interval', async () => {
  const { registry, timer } = open({});
  await nextTurn();
  assert.deepEqual(registry.lastGood(), { value: 1, readAtMs: 1_000 });
  assert.deepEqual(timer.delays, [60_000]);
});

test('failed reads are tried again after 250 ms, doubling up to 15 s, and a good one starts over', async () => {
  let fails = true;
  const fetch = (): Promise<number> => (fails ? Promise.reject(new Error('down')) : Promise.resolve(7));
  const { registry, timer } = open({ fetch });
  await nextTurn();
  for (let i = 0; i < 8; i++) await timer.fire();
  assert.deepEqual(timer.delays, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.match(String(registry.lastError()), /down/);
  fails = false;
  await timer.fire();
  assert.equal(registry.lastError(), undefined);
  fails = true;
  await timer.fire();
  assert.deepEqual(timer.delays.slice(-2), [60_000, 250]);
  assert.equal(registry.lastGood()?.value, 7);
});

test('a retry never waits longer than the interval', async () => {
  const { timer } = open({ pollIntervalMs: 700, fetch: () => Promise.reject(new Error('down')) });
  await nextTurn();
  for (let i = 0; i < 3; i++) await timer.fire();
  assert.deepEqual(timer.delays, [250, 500, 700, 700]);
});

test('waiting times carry a tenth of jitter either way', async () => {
  for (const [random, delayMs] of [
    [0, 54_000],
    [1, 66_000],
  ] as const) {
    const { timer } = open({ random: () => random });
    await nextTurn();
    assert.deepEqual(timer.delays, [delayMs]);
  }
});

test('a value that cannot be stored is a failed read and leaves the last good one', async () => {
  let refuses = false;
  let value = 0;
  const { registry, timer, outcomes } = open({
    fetch: () => Promise.resolve(++value),
    store() {
      if (refuses) throw new Error('too large');
    },
  });
  await nextTurn();
  refuses = true;
  await timer.fire();
  assert.equal(registry.lastGood()?.value, 1);
  assert.match(String(registry.lastError()), /too large/);
  assert.deepEqual(outcomes, [true, false]);
});

test('the age of a value counts from the beginning of its read', async () => {
  let nowMs = 5_000;
  const { registry } = open({
    clock: { nowMs: () => nowMs },
    async fetch() {
      nowMs += 3_000;
      return await Promise.resolve(1);
    },
  });
  await nextTurn();
  assert.equal(registry.lastGood()?.readAtMs, 5_000);
});

test('reads never overlap, whatever asks for them and however they end', async () => {
  const step = fc.constantFrom('refresh', 'fire', 'succeed', 'fail');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let underWay = 0;
      let most = 0;
      let settle: ((ok: boolean) => void) | undefined;
      const { registry, timer } = open({
        fetch() {
          most = Math.max(most, ++underWay);
          return new Promise((resolve, reject) => {
            settle = (ok) => {
              underWay--;
              settle = undefined;
              if (ok) resolve(1);
              else reject(new Error('down'));
            };
          });
        },
      });
      for (const next of steps) {
        if (next === 'refresh') void registry.refresh();
        else if (next === 'fire') await timer.fire();
        else settle?.(next === 'succeed');
        await nextTurn();
        assert.ok(underWay === 1 || timer.isSet(), 'either a read is under way or the next one is planned');
      }
      assert.ok(most <= 1);
      const closed = registry.close();
      settle?.(true);
      await closed;
      assert.equal(timer.isSet(), false, 'a closed registry plans nothing');
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { createReplayTable, ReplayTable, type TableClaimResult } from '#src/shm/replayTable.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';
import { propertyRuns } from '#test/runs.js';
import { type ClaimThreadData, resultCodes } from './claimThread.js';

const startS = 1_750_000_000;
const callerNamed = (name: number): Int32Array =>
  Int32Array.of(name, name * 7 + 1, -name, 0x5bd1e995, name << 8);
const halfOf = (capacity: number): number => Math.max(1, Math.floor(capacity / 2));

function claim(
  table: ReplayTable,
  caller: number,
  nonce: string,
  { nowS, lifeS }: { nowS: number; lifeS: number },
): TableClaimResult {
  return table.claim({
    caller: callerNamed(caller),
    nonce,
    timestampS: nowS,
    nowS,
    expiresAtS: nowS + lifeS,
  });
}

/**
 * A table in which the given callers are counted apart. Rows are shared by chance of a key that is drawn anew
 * for each table: once in some thousand tables two callers hold half together, which no model can foresee.
 */
function tableWithRows(capacity: number, maxLifetimeS: number, callers: number): ReplayTable {
  for (;;) {
    const table = new ReplayTable(createReplayTable({ capacity, maxLifetimeS }));
    let nowS = startS - 10_000;
    const areApart = pairsOf(callers).every(([one, other]) => {
      nowS += 1_000;
      for (let i = 0; i < halfOf(capacity); i++) claim(table, one, `${i}`, { nowS, lifeS: 1 });
      return capacity === 1 || claim(table, other, 'other', { nowS, lifeS: 1 }) === 'claimed';
    });
    if (areApart) return table;
  }
}

function pairsOf(callers: number): [number, number][] {
  const names = Array.from({ length: callers }, (_, name) => name);
  return names.flatMap((one) => names.slice(one + 1).map((other): [number, number] => [one, other]));
}

/** What the table must do, as a plain Map; bounds counted entry by entry. */
class Model {
  readonly #capacity: number;
  readonly #entries = new Map<string, { caller: number; expiresAtS: number }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  claim(caller: number, nonce: string, expiresAtS: number, nowS: number): TableClaimResult {
    this.#expire(nowS);
    const key = `${caller} ${nonce}`;
    if (this.#entries.has(key)) return 'replayed';
    const own = [...this.#entries.values()].filter((entry) => entry.caller === caller).length;
    if (this.#entries.size >= this.#capacity || own >= halfOf(this.#capacity)) return 'full';
    this.#entries.set(key, { caller, expiresAtS });
    return 'claimed';
  }

  count(nowS: number): number {
    this.#expire(nowS);
    return this.#entries.size;
  }

  #expire(nowS: number): void {
    for (const [key, { expiresAtS }] of this.#entries) if (expiresAtS <= nowS) this.#entries.delete(key);
  }
}

const callers = 3;
type Step =
  | { readonly kind: 'claim'; readonly caller: number; readonly nonce: string; readonly lifeShare: number }
  | { readonly kind: 'wait'; readonly seconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      caller: fc.nat(callers - 1),
      nonce: fc.oneof(
        fc.nat(30).map((n) => n.toString(16)),
        fc.string({
          unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
          minLength: 1,
          maxLength: 512,
        }),
      ),
      lifeShare: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      seconds: fc.oneof(fc.nat(3), fc.nat(200), fc.constantFrom(86_400, 31_536_000)),
    }),
  },
);

describe('the replay table beside a plain Map', () => {
  it('claims, refuses and forgets exactly like it, with both bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 126 }),
        fc.array(step, { maxLength: 200 }),
        (capacity, maxLifetimeS, steps) => {
          const table = tableWithRows(capacity, maxLifetimeS, callers);
          const model = new Model(capacity);
          let nowS = startS;
          for (const each of steps) {
            if (each.kind === 'wait') nowS += each.seconds;
            else {
              const lifeS = 1 + Math.floor(each.lifeShare * (maxLifetimeS - 1));
              const expected = model.claim(each.caller, each.nonce, nowS + lifeS, nowS);
              assert.equal(claim(table, each.caller, each.nonce, { nowS, lifeS }), expected);
            }
            assert.equal(table.count(nowS), model.count(nowS));
          }
        },
      ),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('with lifetimes counted in steps of several seconds it may refuse a step late, and forgets nothing early', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 127, max: 3_000 }),
        fc.array(step, { maxLength: 200 }),
        (capacity, maxLifetimeS, steps) => {
          const stepS = Math.ceil(maxLifetimeS / 126);
          const table = tableWithRows(capacity, maxLifetimeS, callers);
          const live = new Map<string, number>();
          /** Of all claims ever: a pair that ended and was claimed again may count twice for a step. */
          const endsS: number[] = [];
          let nowS = startS;
          for (const each of steps) {
            if (each.kind === 'wait') {
              nowS += each.seconds;
              continue;
            }
            const lifeS = 1 + Math.floor(each.lifeShare * (maxLifetimeS - 1));
            const key = `${each.caller} ${each.nonce}`;
            const isLive = (live.get(key) ?? 0) > nowS;
            const result = claim(table, each.caller, each.nonce, { nowS, lifeS });
            assert.equal(result === 'replayed', isLive);
            if (result === 'claimed') {
              live.set(key, nowS + lifeS);
              endsS.push(nowS + lifeS);
            }
            const still = endsS.filter((expiresAtS) => expiresAtS > nowS).length;
            const counted = endsS.filter((expiresAtS) => expiresAtS + stepS > nowS).length;
            assert.ok(still <= table.count(nowS) && table.count(nowS) <= counted);
            if (result === 'full') assert.ok(counted >= halfOf(capacity));
          }
        },
      ),
      { numRuns: propertyRuns(500) },
    );
  });

  it('loses no live entry while thousands overflow their buckets, end and are replaced', () => {
    const capacity = 3_000;
    const table = tableWithRows(capacity, 90, callers);
    const model = new Model(capacity);
    const random = repeatableRandom(7);
    const claimed: [number, string][] = [];
    let nowS = startS;
    const counts = { claimed: 0, replayed: 0, full: 0, expired: 0 };
    for (let i = 0; i < 20_000; i++) {
      if (random() < 0.003) nowS += Math.floor(random() * 4);
      const again = claimed.length > 0 && random() < 0.4;
      const [caller, nonce] = again
        ? claimed[Math.floor(random() * claimed.length)]!
        : ([Math.floor(random() * callers), `${i}`] as const);
      const lifeS = 1 + Math.floor(random() * 89);
      const expected = model.claim(caller, nonce, nowS + lifeS, nowS);
      assert.equal(claim(table, caller, nonce, { nowS, lifeS }), expected);
      counts[expected]++;
      if (expected === 'claimed' && !again) claimed.push([caller, nonce]);
    }
    // The walk must have met all three answers, or it has shown nothing.
    assert.ok(Math.min(counts.claimed, counts.replayed) > 1_000 && counts.full > 10, JSON.stringify(counts));
  });
});

describe('the replay table', () => {
  it('keeps pairs apart that differ in the caller only, or in the nonce only', () => {
    const table = tableWithRows(100, 90, 2);
    const at = { nowS: startS, lifeS: 60 };
    assert.equal(claim(table, 0, 'a', at), 'claimed');
    assert.equal(claim(table, 1, 'a', at), 'claimed');
    assert.equal(claim(table, 0, 'b', at), 'claimed');
    assert.equal(claim(table, 0, 'a', at), 'replayed');
    assert.equal(claim(table, 0, 'a '.trimEnd(), at), 'replayed');
    assert.equal(claim(table, 0, 'a ', at), 'claimed');
  });

  it('tells nonces of 512 bytes apart by their last byte', () => {
    const table = tableWithRows(100, 90, 1);
    const at = { nowS: startS, lifeS: 60 };
    assert.equal(claim(table, 0, `${'n'.repeat(511)}a`, at), 'claimed');
    assert.equal(claim(table, 0, `${'n'.repeat(511)}b`, at), 'claimed');
    assert.equal(claim(table, 0, `${'n'.repeat(511)}a`, at), 'replayed');
  });

  it('is not confused by a shorter nonce after a longer one', () => {
    const table = tableWithRows(100, 90, 1);
    const at = { nowS: startS, lifeS: 60 };
    assert.equal(claim(table, 0, 'abcdef', at), 'claimed');
    assert.equal(claim(table, 0, 'abc', at), 'claimed');
    assert.equal(claim(table, 0, 'abcdef', at), 'replayed');
  });

  it('holds an entry up to its second and frees it in that second', () => {
    const table = tableWithRows(100, 90, 1);
    assert.equal(claim(table, 0, 'n', { nowS: startS, lifeS: 5 }), 'claimed');
    assert.equal(claim(table, 0, 'n', { nowS: startS + 4, lifeS: 5 }), 'replayed');
    assert.equal(claim(table, 0, 'n', { nowS: startS + 5, lifeS: 5 }), 'claimed');
  });

  it('refuses when full, goes on knowing what it holds, and recovers when entries end', () => {
    const capacity = 12;
    const table = tableWithRows(capacity, 90, 3);
    const nonces = Array.from({ length: capacity }, (_, i) => `${i}`);
    for (const [i, nonce] of nonces.entries()) {
      assert.equal(claim(table, i % 3, nonce, { nowS: startS, lifeS: 10 + i }), 'claimed');
    }
    const later = { nowS: startS + 9, lifeS: 60 };
    for (let i = 0; i < 100; i++) assert.equal(claim(table, i % 3, `new ${i}`, later), 'full');
    for (const [i, nonce] of nonces.entries()) assert.equal(claim(table, i % 3, nonce, later), 'replayed');
    assert.equal(table.count(startS + 9), capacity);
    assert.equal(claim(table, 0, 'one more', { nowS: startS + 10, lifeS: 60 }), 'claimed');
    assert.equal(claim(table, 1, 'too many', { nowS: startS + 10, lifeS: 60 }), 'full');
    for (const [i, nonce] of nonces.entries()) {
      if (i > 0) assert.equal(claim(table, i % 3, nonce, { nowS: startS + 10, lifeS: 60 }), 'replayed');
    }
  });

  it('one caller holds half at most and leaves the rest to others', () => {
    const table = tableWithRows(10, 90, 2);
    const at = { nowS: startS, lifeS: 60 };
    for (let i = 0; i < 5; i++) assert.equal(claim(table, 0, `${i}`, at), 'claimed');
    assert.equal(claim(table, 0, 'sixth', at), 'full');
    for (let i = 0; i < 5; i++) assert.equal(claim(table, 1, `${i}`, at), 'claimed');
    assert.equal(table.count(startS), 10);
  });

  it('a refused claim is not counted and claims nothing', () => {
    const table = tableWithRows(4, 90, 1);
    const at = { nowS: startS, lifeS: 10 };
    claim(table, 0, 'a', at);
    claim(table, 0, 'b', at);
    for (let i = 0; i < 50; i++) assert.equal(claim(table, 0, 'c', at), 'full');
    assert.equal(table.count(startS), 2);
    assert.equal(claim(table, 0, 'c', { nowS: startS + 10, lifeS: 10 }), 'claimed');
  });

  it('counts nothing any more after a long silence', () => {
    for (const silenceS of [90, 91, 500, 86_400, 10_000_000]) {
      const table = tableWithRows(20, 90, 2);
      for (let i = 0; i < 10; i++) claim(table, 0, `${i}`, { nowS: startS, lifeS: 1 + i * 9 });
      assert.equal(table.count(startS), 10);
      assert.equal(table.count(startS + silenceS), 0, `after ${silenceS} s`);
      for (let i = 0; i < 10; i++) {
        assert.equal(claim(table, 0, `${i}`, { nowS: startS + silenceS, lifeS: 90 }), 'claimed');
      }
    }
  });

  it('a thread whose clock is a second behind works with the latest second that any thread saw', () => {
    const table = new ReplayTable(createReplayTable({ capacity: 12, maxLifetimeS: 90 }));
    for (let n = 0; n < 12; n++) claim(table, n, 'old', { nowS: startS, lifeS: 1 });
    // The thread ahead counts the old ones off and uses their slots.
    const fresh = Array.from({ length: 11 }, (_, n) => 100 + n);
    for (const caller of fresh) claim(table, caller, 'new', { nowS: startS + 1, lifeS: 60 });
    assert.equal(claim(table, 200, 'late', { nowS: startS, lifeS: 60 }), 'claimed');
    assert.equal(claim(table, 201, 'late', { nowS: startS, lifeS: 60 }), 'full');
    for (const caller of fresh) {
      assert.equal(claim(table, caller, 'new', { nowS: startS, lifeS: 60 }), 'replayed');
    }
  });

  it('a clock that is set back opens no replay of entries that it had freed', () => {
    const table = new ReplayTable(createReplayTable({ capacity: 100, maxLifetimeS: 90 }));
    assert.equal(claim(table, 0, 'n', { nowS: startS, lifeS: 60 }), 'claimed');
    assert.equal(claim(table, 1, 'n', { nowS: startS + 100, lifeS: 60 }), 'claimed');
    assert.equal(claim(table, 0, 'n', { nowS: startS, lifeS: 60 }), 'expired');
    assert.equal(claim(table, 1, 'n', { nowS: startS, lifeS: 160 }), 'replayed');
  });

  it('a second view of the same memory sees the same entries', () => {
    const memory = createReplayTable({ capacity: 100, maxLifetimeS: 90 });
    const at = { nowS: startS, lifeS: 60 };
    assert.equal(claim(new ReplayTable(memory), 0, 'n', at), 'claimed');
    assert.equal(claim(new ReplayTable(memory), 0, 'n', at), 'replayed');
    assert.equal(new ReplayTable(memory).count(startS), 1);
  });

  it('two tables place the same pair differently: nobody outside can aim at a bucket', () => {
    const slotOfFirst = (): string => {
      const memory = createReplayTable({ capacity: 10_000, maxLifetimeS: 90 });
      const words = new Int32Array(memory);
      const before = words.slice();
      claim(new ReplayTable(memory), 0, 'n', { nowS: startS, lifeS: 60 });
      // The second that was seen stands before the slots, the same in every table.
      const isSlot = (word: number, at: number): boolean => word !== before[at] && word !== startS;
      return String(words.findIndex(isSlot));
    };
    assert.ok(new Set(Array.from({ length: 8 }, slotOfFirst)).size > 1);
  });
});

describe('several threads on one replay table', () => {
  it('of all that claim a pair at once exactly one wins', async () => {
    const [threads, rounds, pairs] = [3, 300, 32];
    const memory = createReplayTable({ capacity: 2 * rounds * pairs, maxLifetimeS: 90 });
    const codes = await claimInThreads(memory, { threads, rounds, pairs, isShared: true });
    const wins = new Array<number>(threads).fill(0);
    for (let at = 0; at < codes.length; at += threads) {
      const results = [...codes.subarray(at, at + threads)];
      assert.deepEqual(
        results.toSorted((a, b) => a - b),
        [resultCodes.claimed, resultCodes.replayed, resultCodes.replayed],
        `pair ${at / threads}`,
      );
      const winner = results.indexOf(resultCodes.claimed);
      wins[winner] = wins[winner]! + 1;
    }
    assert.equal(new ReplayTable(memory).count(startS), rounds * pairs);
    assert.ok(Math.max(...wins) < rounds * pairs, 'one thread won all: they never met');
  });

  it('together they claim exactly the capacity', async () => {
    const [threads, rounds, pairs] = [3, 10, 200];
    const capacity = 4_000;
    const memory = createReplayTable({ capacity, maxLifetimeS: 90 });
    const codes = await claimInThreads(memory, { threads, rounds, pairs, isShared: false });
    const count = (code: number): number => codes.filter((each) => each === code).length;
    assert.equal(count(resultCodes.claimed), capacity);
    assert.equal(count(resultCodes.full), threads * rounds * pairs - capacity);
    assert.equal(new ReplayTable(memory).count(startS), capacity);
    assert.equal(new ReplayTable(memory).count(startS + 60), 0);
  });
});

async function claimInThreads(
  table: SharedArrayBuffer,
  work: Pick<ClaimThreadData, 'threads' | 'rounds' | 'pairs' | 'isShared'>,
): Promise<Uint8Array> {
  const results = new SharedArrayBuffer(work.threads * work.rounds * work.pairs);
  const line = new SharedArrayBuffer(4);
  const ended = Array.from({ length: work.threads }, async (_, thread) => {
    const workerData: ClaimThreadData = { ...work, table, line, results, thread, nowS: startS };
    const worker = new Worker(new URL('./claimThread.js', import.meta.url), { workerData });
    const [exitCode] = await once(worker, 'exit');
    assert.equal(exitCode, 0);
  });
  await Promise.all(ended);
  const codes = new Uint8Array(results);
  assert.equal(codes.indexOf(0), -1, 'a claim is missing');
  return codes;
}

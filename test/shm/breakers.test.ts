import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { type BreakerState, Breakers, createBreakers } from '#src/shm/breakers.js';
import { maxBackendSlots } from '#src/shm/inFlightTable.js';
import { propertyRuns } from '#test/runs.js';
import { type ProbeThreadData, resultCodes } from './probeThread.js';

const options = { failures: 3, openForMs: 1_000 };
/** The unit in which the breakers count time. */
const tickMs = 100;
const slot = 4;

function createStand(startMs = 50_000) {
  const clock = { nowMs: startMs };
  const memory = createBreakers();
  const viewOfFront = (): Breakers => new Breakers(memory, { ...options, nowMs: () => clock.nowMs });
  return { clock, breakers: viewOfFront(), other: viewOfFront() };
}

/** A breaker that has just opened. */
function createOpen(startMs?: number) {
  const stand = createStand(startMs);
  for (let i = 0; i < options.failures; i++) stand.breakers.fail(slot, false);
  return stand;
}

/** A breaker whose probe is out, claimed by front 0. */
function createProbed() {
  const stand = createOpen();
  stand.clock.nowMs += options.openForMs;
  assert.equal(stand.breakers.tryProbe(slot, 0), true);
  return stand;
}

describe('a breaker', () => {
  it('opens after so many failures in a row, whichever front meets them, and tells it once', () => {
    const { breakers, other } = createStand();
    assert.equal(breakers.fail(slot, false), false);
    assert.equal(other.fail(slot, false), false);
    assert.equal(other.state(slot), 'closed');
    assert.equal(breakers.fail(slot, false), true);
    assert.equal(breakers.fail(slot, false), false);
    assert.equal(other.state(slot), 'open');
  });

  it('a success in between begins the count anew', () => {
    const { breakers, other } = createStand();
    for (let i = 0; i < 10; i++) {
      breakers.fail(slot, false);
      breakers.fail(slot, false);
      other.succeed(slot);
    }
    assert.equal(breakers.state(slot), 'closed');
  });

  it('is half open after its time, for exactly one request over all fronts', () => {
    const { clock, breakers, other } = createOpen();
    clock.nowMs += options.openForMs - tickMs;
    assert.equal(breakers.state(slot), 'open');
    assert.equal(breakers.closedInMs(slot), tickMs);
    assert.equal(breakers.tryProbe(slot, 0), false);
    assert.equal(breakers.isProbed(slot), false);
    clock.nowMs += tickMs;
    assert.equal(breakers.state(slot), 'half_open');
    assert.equal(breakers.closedInMs(slot), 0);
    assert.equal(other.tryProbe(slot, 1), true);
    assert.equal(breakers.isProbed(slot), true);
    assert.equal(breakers.tryProbe(slot, 0), false);
    assert.equal(other.tryProbe(slot, 1), false);
  });

  it('a closed one gives nobody a probe', () => {
    const { breakers } = createStand();
    assert.equal(breakers.tryProbe(slot, 0), false);
    assert.equal(breakers.isProbed(slot), false);
  });

  it('a probe that succeeds closes it, with a count that begins anew', () => {
    const { breakers, other } = createProbed();
    breakers.close(slot);
    assert.equal(other.state(slot), 'closed');
    assert.equal(other.isProbed(slot), false);
    other.fail(slot, false);
    other.fail(slot, false);
    assert.equal(other.state(slot), 'closed');
    assert.equal(other.fail(slot, false), true);
  });

  it('a probe that fails opens it for its whole time again, and tells it', () => {
    const { clock, breakers, other } = createProbed();
    clock.nowMs += 700;
    assert.equal(breakers.fail(slot, true), true);
    clock.nowMs += options.openForMs - tickMs;
    assert.equal(other.state(slot), 'open');
    clock.nowMs += tickMs;
    assert.equal(other.tryProbe(slot, 1), true);
  });

  it('a probe without a verdict lets the next request probe', () => {
    const { breakers, other } = createProbed();
    breakers.abandonProbe(slot);
    assert.equal(other.state(slot), 'half_open');
    assert.equal(other.tryProbe(slot, 1), true);
  });

  it("a dead front's probe is free again, a living front's is not", () => {
    const { breakers, other } = createProbed();
    other.clearFront(1);
    assert.equal(other.tryProbe(slot, 1), false);
    other.clearFront(0);
    assert.equal(other.tryProbe(slot, 1), true);
    breakers.clearFront(0);
    assert.equal(breakers.isProbed(slot), true);
  });

  it('requests that were under way when it opened do not keep it open for longer', () => {
    const { clock, breakers, other } = createOpen();
    for (let i = 0; i < 9; i++) {
      clock.nowMs += tickMs;
      assert.equal(other.fail(slot, false), false);
    }
    clock.nowMs += tickMs;
    assert.equal(breakers.state(slot), 'half_open');
    assert.equal(other.fail(slot, false), false);
    assert.equal(breakers.tryProbe(slot, 0), true);
    // Nor do they speak for the probe.
    assert.equal(other.fail(slot, false), false);
    other.succeed(slot);
    assert.equal(other.state(slot), 'half_open');
    assert.equal(other.isProbed(slot), true);
  });

  it('keeps its time also while 32 bits of the clock run over, after years', () => {
    for (const edgeTick of [2 ** 31, 2 ** 32, 3 * 2 ** 31, 2 ** 33]) {
      for (let before = -1; before <= 11; before++) {
        const { clock, breakers } = createOpen((edgeTick - before) * tickMs);
        const at = `${before} ticks before ${edgeTick}`;
        assert.equal(breakers.state(slot), 'open', at);
        clock.nowMs += options.openForMs - tickMs;
        assert.equal(breakers.state(slot), 'open', at);
        // One tick more where the stamp would be the one that means closed.
        clock.nowMs += 2 * tickMs;
        assert.equal(breakers.state(slot), 'half_open', at);
      }
    }
  });

  it('touches no other slot, the first and the last included', () => {
    const { breakers, clock } = createStand();
    for (const one of [0, maxBackendSlots - 1]) {
      for (let i = 0; i < options.failures; i++) breakers.fail(one, false);
      clock.nowMs += options.openForMs;
      assert.equal(breakers.tryProbe(one, 0), true);
    }
    for (const neighbour of [1, maxBackendSlots - 2]) {
      assert.equal(breakers.state(neighbour), 'closed');
      assert.equal(breakers.isProbed(neighbour), false);
    }
  });

  it('without a clock of its own counts in the clock of the process, which all threads share', () => {
    const memory = createBreakers();
    const breakers = new Breakers(memory, { failures: 1, openForMs: 3_600_000 });
    assert.equal(breakers.fail(slot, false), true);
    assert.equal(breakers.state(slot), 'open');
    const leftMs = new Breakers(memory, { failures: 1, openForMs: 3_600_000 }).closedInMs(slot);
    assert.ok(leftMs > 3_000_000 && leftMs <= 3_600_100, `${leftMs}`);
  });
});

type Step =
  | { readonly kind: 'fail' | 'succeed' | 'probe' | 'die'; readonly front: number }
  | { readonly kind: 'verdict'; readonly verdict: 'succeeds' | 'fails' | 'abandons' }
  | { readonly kind: 'wait'; readonly ticks: number };

const front = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('fail' as const), front }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('succeed' as const), front }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('probe' as const), front }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), front }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('verdict' as const),
      verdict: fc.constantFrom('succeeds' as const, 'fails' as const, 'abandons' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ticks: fc.nat(15) }) },
);

/** Ticks around which 32 bits run over, with and without their sign. */
const startTick = fc.oneof(
  fc.nat(1_000),
  fc
    .tuple(fc.constantFrom(2 ** 31, 2 ** 32, 3 * 2 ** 31, 2 ** 40), fc.integer({ min: -40, max: 20 }))
    .map(([edge, before]) => edge + before),
  fc.integer({ min: 0, max: 2 ** 36 }),
);

/** What a breaker must do, with numbers that do not run over. */
class Model {
  inARow = 0;
  openedAtTick: number | undefined;
  prober: number | undefined;
  nowTick: number;

  constructor(nowTick: number) {
    this.nowTick = nowTick;
  }

  get leftMs(): number {
    if (this.openedAtTick === undefined) return 0;
    return Math.max(0, options.openForMs - (this.nowTick - this.openedAtTick) * tickMs);
  }

  get state(): BreakerState {
    if (this.openedAtTick === undefined) return 'closed';
    return this.leftMs > 0 ? 'open' : 'half_open';
  }

  open(): void {
    // The one stamp that means closed is told as the next one.
    this.openedAtTick = this.nowTick % 2 ** 32 === 0 ? this.nowTick + 1 : this.nowTick;
  }
}

describe('a breaker beside a plain state machine', () => {
  it('does the same after any sequence, also while its 32 bits of time run over', () => {
    fc.assert(
      fc.property(
        startTick,
        fc.nat(tickMs - 1),
        fc.array(step, { maxLength: 120, size: 'max' }),
        (tick, restMs, steps) => {
          const { clock, breakers, other } = createStand(tick * tickMs + restMs);
          const views = [breakers, other];
          const model = new Model(tick);
          for (const each of steps) {
            switch (each.kind) {
              case 'wait':
                clock.nowMs += each.ticks * tickMs;
                model.nowTick += each.ticks;
                break;
              case 'fail': {
                model.inARow++;
                const opens = model.inARow >= options.failures && model.openedAtTick === undefined;
                if (opens) model.open();
                assert.equal(views[each.front]!.fail(slot, false), opens);
                break;
              }
              case 'succeed':
                model.inARow = 0;
                views[each.front]!.succeed(slot);
                break;
              case 'probe': {
                const isWon = model.state === 'half_open' && model.prober === undefined;
                if (isWon) model.prober = each.front;
                assert.equal(views[each.front]!.tryProbe(slot, each.front), isWon);
                break;
              }
              case 'die':
                if (model.prober === each.front) model.prober = undefined;
                views[1 - each.front]!.clearFront(each.front);
                break;
              case 'verdict': {
                if (model.prober === undefined) break;
                const view = views[model.prober]!;
                model.prober = undefined;
                if (each.verdict === 'abandons') view.abandonProbe(slot);
                else if (each.verdict === 'succeeds') {
                  view.close(slot);
                  model.inARow = 0;
                  model.openedAtTick = undefined;
                } else {
                  model.open();
                  assert.equal(view.fail(slot, true), true);
                }
                break;
              }
            }
            for (const view of views) {
              assert.equal(view.state(slot), model.state);
              assert.equal(view.closedInMs(slot), model.leftMs);
              assert.equal(view.isProbed(slot), model.prober !== undefined);
            }
          }
        },
      ),
      { numRuns: propertyRuns(5_000) },
    );
  });
});

describe('several threads at the breakers', () => {
  it('of all that want the probe at once exactly one gets it', async () => {
    // As many threads as even a small machine runs at once: one more would only wait its turn.
    const [threads, slots] = [2, maxBackendSlots];
    const memory = createBreakers();
    const openedAtMs = 1_000_000;
    const breakers = new Breakers(memory, { ...options, nowMs: () => openedAtMs });
    for (let each = 0; each < slots; each++) {
      for (let i = 0; i < options.failures; i++) breakers.fail(each, false);
    }
    const results = new SharedArrayBuffer(slots * threads);
    const line = new SharedArrayBuffer(4);
    const exitCodes = Array.from({ length: threads }, async (_, thread) => {
      const nowMs = openedAtMs + options.openForMs;
      const workerData: ProbeThreadData = {
        breakers: memory,
        options,
        nowMs,
        line,
        results,
        thread,
        threads,
        slots,
      };
      const worker = new Worker(new URL('./probeThread.js', import.meta.url), { workerData });
      const [exitCode] = await once(worker, 'exit');
      return exitCode;
    });
    assert.deepEqual(await Promise.all(exitCodes), [0, 0]);
    const codes = new Uint8Array(results);
    const wins = new Array<number>(threads).fill(0);
    for (let each = 0; each < slots; each++) {
      const claims = [...codes.subarray(each * threads, (each + 1) * threads)];
      const { won, lost } = resultCodes;
      assert.deepEqual(
        claims.toSorted((a, b) => a - b),
        [won, lost],
        `slot ${each}`,
      );
      const winner = claims.indexOf(won);
      wins[winner] = wins[winner]! + 1;
    }
    assert.ok(Math.max(...wins) < slots, 'one thread won all: they never met');
  });
});

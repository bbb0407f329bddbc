import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RoutedBackend } from '#src/openai/routedModels.js';
import {
  type BackendStates,
  isAnyAskable,
  type Place,
  type PlaceWanted,
  takePlace,
} from '#src/openai/selectBackend.js';
import { BackendHealth, createBackendHealth } from '#src/shm/backendHealth.js';
import { Breakers, createBreakers } from '#src/shm/breakers.js';
import { backendColumn, createInFlightTable, InFlightTable } from '#src/shm/inFlightTable.js';
import { propertyRuns } from '#test/runs.js';
import { routedBackend, routedModel } from './routedModel.js';

const fronts = 2;

function createStand(backends: readonly { weight: number; load: number; isHealthy: boolean }[]) {
  const inFlight = new InFlightTable(createInFlightTable(fronts));
  const health = new BackendHealth(createBackendHealth());
  for (const [slot, { load, isHealthy }] of backends.entries()) {
    for (let i = 0; i < load; i++) inFlight.enter(i % fronts, backendColumn(slot));
    health.set(slot, isHealthy);
  }
  const model = routedModel({
    backends: backends.map(({ weight }, slot) =>
      routedBackend({
        slot,
        weight,
        label: `backend-${slot}`,
        maxConcurrency: 1_000_000,
        identityHash: slot * 7919,
      }),
    ),
  });
  const breakers = new Breakers(createBreakers(), { failures: 3, openForMs: 1_000 });
  const states: BackendStates = { inFlight, health, breakers };
  /** Which backend is chosen; its place is given back at once. */
  const select = (): number => {
    const place = takePlace(states, { model, front: 0 });
    assert.ok(typeof place === 'object');
    inFlight.leave(0, backendColumn(place.backend.slot));
    return place.backend.slot;
  };
  return { model, ...states, select };
}

const idle = { weight: 1, load: 0, isHealthy: true };

function countPicks(select: () => number, picks: number): Record<number, number> {
  const counts: Record<number, number> = {};
  for (let i = 0; i < picks; i++) {
    const slot = select();
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  return counts;
}

describe('selecting a backend', () => {
  it('takes a least loaded one by weight, and an unhealthy one only when all are', () => {
    const backend = fc.record({
      weight: fc.integer({ min: 1, max: 10 }),
      load: fc.nat(12),
      isHealthy: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(backend, { minLength: 1, maxLength: 6 }), fc.nat(6), (backends, earlier) => {
        const { select } = createStand(backends);
        for (let i = 0; i < earlier; i++) select();
        const picked = backends[select()]!;
        const isAnyHealthy = backends.some(({ isHealthy }) => isHealthy);
        assert.equal(picked.isHealthy, isAnyHealthy);
        const candidates = backends.filter(({ isHealthy }) => isHealthy === isAnyHealthy);
        const loads = candidates.map(({ load, weight }) => (load + 1) / weight);
        assert.equal((picked.load + 1) / picked.weight, Math.min(...loads));
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('equals take turns', () => {
    const { select } = createStand([idle, idle, idle]);
    assert.deepEqual(countPicks(select, 30), { 0: 10, 1: 10, 2: 10 });
  });

  it('equals take turns also when callers alternate between two models', () => {
    for (const others of [1, 2, 3, 4]) {
      const { select } = createStand([idle, idle]);
      const other = createStand(Array.from({ length: others }, () => idle));
      const alternating = (): number => {
        other.select();
        return select();
      };
      assert.deepEqual(countPicks(alternating, 20), { 0: 10, 1: 10 }, `beside ${others} backends`);
    }
  });

  it('open requests spread by weight', () => {
    const weights = [1, 2, 5];
    const { inFlight, select } = createStand(weights.map((weight) => ({ ...idle, weight })));
    const perWeight = 50;
    for (let i = 0; i < perWeight * 8; i++) inFlight.enter(i % fronts, backendColumn(select()));
    for (const [slot, weight] of weights.entries()) {
      const open = inFlight.total(backendColumn(slot));
      assert.ok(Math.abs(open - perWeight * weight) <= 1, `weight ${weight} holds ${open}`);
    }
  });

  it('a simulated run of requests that come and go keeps to the weights', () => {
    const weights = [1, 3];
    const { inFlight, select } = createStand(weights.map((weight) => ({ ...idle, weight })));
    const open: number[] = [];
    const picks = [0, 0];
    for (let i = 0; i < 4_000; i++) {
      const slot = select();
      picks[slot]!++;
      inFlight.enter(0, backendColumn(slot));
      open.push(slot);
      if (open.length > 40) inFlight.leave(0, backendColumn(open.shift()!));
    }
    const share = picks[1]! / (picks[0]! + picks[1]!);
    assert.ok(share > 0.72 && share < 0.78, `the backend of weight 3 got ${share}`);
  });

  it('a backend that comes back gets requests again', () => {
    const { health, select } = createStand([idle, { ...idle, isHealthy: false }]);
    assert.deepEqual(countPicks(select, 10), { 0: 10 });
    health.set(1, true);
    assert.deepEqual(countPicks(select, 10), { 0: 5, 1: 5 });
  });
});

const failures = 3;
const openForMs = 1_000;

/** Backends with a small limit, whose places are kept. */
function createLimitedStand(backends: readonly Partial<RoutedBackend>[]) {
  const clock = { nowMs: 100_000 };
  const states: BackendStates = {
    inFlight: new InFlightTable(createInFlightTable(fronts)),
    health: new BackendHealth(createBackendHealth()),
    breakers: new Breakers(createBreakers(), { failures, openForMs, nowMs: () => clock.nowMs }),
  };
  const model = routedModel({
    backends: backends.map((properties, slot) =>
      routedBackend({ slot, label: `backend-${slot}`, identityHash: hashOf(slot), ...properties }),
    ),
  });
  return {
    clock,
    states,
    model,
    take: (wanted: Partial<PlaceWanted> = {}) => takePlace(states, { model, front: 0, ...wanted }),
    /** The slot that was taken, or why none was. */
    takeSlot: (wanted: Partial<PlaceWanted> = {}): number | string => {
      const place = takePlace(states, { model, front: 0, ...wanted });
      return typeof place === 'string' ? place : place.backend.slot;
    },
    open(slot: number): void {
      for (let i = 0; i < failures; i++) states.breakers.fail(slot, false);
    },
    leave: ({ backend }: Place): void => states.inFlight.leave(0, backendColumn(backend.slot)),
    totals: () => model.backends.map(({ slot }) => states.inFlight.total(backendColumn(slot))),
  };
}

/** 32 bits without a pattern, as a digest gives. */
const hashOf = (index: number): number => createHash('sha256').update(`${index}`).digest().readInt32LE(0);

describe('places at backends', () => {
  it('are given up to the limit of each, then all are busy', () => {
    const { take, totals } = createLimitedStand([{ maxConcurrency: 2 }, { maxConcurrency: 3 }]);
    for (let i = 0; i < 5; i++) assert.equal(typeof take(), 'object');
    assert.equal(take(), 'busy');
    assert.deepEqual(totals(), [2, 3]);
  });

  it('a healthy backend at its limit is waited for, an unhealthy one is not asked instead', () => {
    const { states, takeSlot } = createLimitedStand([{ maxConcurrency: 1 }, { maxConcurrency: 1 }]);
    states.health.set(1, false);
    assert.equal(takeSlot(), 0);
    assert.equal(takeSlot(), 'busy');
    states.health.set(0, false);
    assert.equal(takeSlot(), 1, 'all are unhealthy: a check may be wrong');
  });

  it('backends that were asked already are skipped, until none is left', () => {
    const { model, takeSlot } = createLimitedStand([{}, {}, {}]);
    const [one, two, three] = model.backends as [RoutedBackend, RoutedBackend, RoutedBackend];
    for (let i = 0; i < 6; i++) assert.equal(takeSlot({ tried: [one, three] }), 1);
    assert.equal(takeSlot({ tried: [one, two, three] }), 'none');
  });

  it('an unhealthy backend is asked when the healthy ones were asked already', () => {
    const { model, states, takeSlot } = createLimitedStand([{}, {}]);
    states.health.set(1, false);
    assert.equal(takeSlot({ tried: [model.backends[0]!] }), 1);
  });

  it('an open breaker gets nothing; half open, exactly one request until it has a verdict', () => {
    const { clock, states, model, open, take, takeSlot } = createLimitedStand([{}, {}]);
    open(0);
    for (let i = 0; i < 10; i++) assert.equal(takeSlot(), 1);
    open(1);
    assert.equal(takeSlot(), 'none');
    assert.equal(isAnyAskable(states, model), false);
    clock.nowMs += openForMs;
    assert.equal(isAnyAskable(states, model), true);
    const probes = [take(), take()] as Place[];
    assert.deepEqual(probes.map(({ backend }) => backend.slot).toSorted(), [0, 1]);
    assert.deepEqual(
      probes.map(({ isProbe }) => isProbe),
      [true, true],
    );
    assert.equal(takeSlot({ front: 1 }), 'none');
    states.breakers.close(1);
    const after = take() as Place;
    assert.deepEqual([after.backend.slot, after.isProbe], [1, false]);
  });

  it('a half-open breaker at a backend that is still full keeps its probe for later', () => {
    const { clock, states, open, take } = createLimitedStand([{ maxConcurrency: 1 }]);
    const last = take() as Place;
    open(0);
    clock.nowMs += openForMs;
    assert.equal(take(), 'busy');
    assert.equal(states.breakers.isProbed(0), false);
    states.inFlight.leave(0, backendColumn(0));
    assert.equal((take() as Place).isProbe, true);
    assert.equal(last.isProbe, false);
  });

  it('are not given twice when another front takes the last one between look and claim', () => {
    const memory = createInFlightTable(fronts);
    /** What a front sees that looked a moment ago. */
    class EarlierLook extends InFlightTable {
      override total(): number {
        return 0;
      }
    }
    const { states, model, clock, open } = createLimitedStand([{ maxConcurrency: 1 }, { maxConcurrency: 2 }]);
    const inFlight = new InFlightTable(memory);
    const seen: BackendStates = { ...states, inFlight: new EarlierLook(memory) };
    const places = Array.from({ length: 4 }, () => takePlace(seen, { model, front: 0 }));
    assert.deepEqual(places.slice(3), ['busy']);
    assert.deepEqual([inFlight.total(backendColumn(0)), inFlight.total(backendColumn(1))], [1, 2]);
    // Nor is the probe lost that was claimed for a place which then was not to be had.
    for (const slot of [0, 1]) open(slot);
    clock.nowMs += openForMs;
    assert.equal(takePlace(seen, { model, front: 0 }), 'busy');
    assert.equal(states.breakers.isProbed(0) || states.breakers.isProbed(1), false);
  });

  it('never exceed a limit, are refused only when all are full, and there is none only when none may be asked', () => {
    const backend = fc.record({
      maxConcurrency: fc.integer({ min: 1, max: 3 }),
      weight: fc.integer({ min: 1, max: 5 }),
      isHealthy: fc.boolean(),
      breaker: fc.constantFrom('closed' as const, 'open' as const, 'half_open' as const, 'probed' as const),
    });
    const request = fc.record({
      kind: fc.constantFrom('take' as const, 'take' as const, 'leave' as const),
      nth: fc.nat(100),
      tried: fc.subarray(
        Array.from({ length: 12 }, (_, slot) => slot),
        { maxLength: 3 },
      ),
      affinityKey: fc.option(fc.integer(), { nil: undefined }),
      front: fc.nat(fronts - 1),
    });
    fc.assert(
      fc.property(
        fc.array(backend, { minLength: 1, maxLength: 12, size: 'max' }),
        fc.array(request, { maxLength: 60, size: 'max' }),
        (backends, requests) => {
          const { clock, states, model, open, take, totals } = createLimitedStand(backends);
          for (const [slot, { breaker }] of backends.entries()) {
            if (breaker === 'half_open' || breaker === 'probed') open(slot);
          }
          clock.nowMs += openForMs;
          for (const [slot, { breaker, isHealthy }] of backends.entries()) {
            if (breaker === 'open') open(slot);
            if (breaker === 'probed') states.breakers.tryProbe(slot, 1);
            states.health.set(slot, isHealthy);
          }
          const held: { place: Place; front: number }[] = [];
          for (const each of requests) {
            if (each.kind === 'leave') {
              const [left] = held.splice(each.nth % Math.max(1, held.length), 1);
              if (left === undefined) continue;
              if (left.place.isProbe) states.breakers.abandonProbe(left.place.backend.slot);
              states.inFlight.leave(left.front, backendColumn(left.place.backend.slot));
              continue;
            }
            const before = totals();
            const probed = new Set(
              held.filter(({ place }) => place.isProbe).map(({ place }) => place.backend.slot),
            );
            const askable = model.backends.filter(
              ({ slot }) =>
                !each.tried.includes(slot) &&
                backends[slot]!.breaker !== 'open' &&
                backends[slot]!.breaker !== 'probed' &&
                !probed.has(slot),
            );
            const healthy = askable.filter(({ slot }) => backends[slot]!.isHealthy);
            const candidates = healthy.length > 0 ? healthy : askable;
            const free = candidates.filter(({ slot, maxConcurrency }) => before[slot]! < maxConcurrency);
            const tried = model.backends.filter(({ slot }) => each.tried.includes(slot));
            const { front, affinityKey } = each;
            const place = take({ tried, front, affinityKey });
            if (typeof place === 'string') {
              assert.equal(free.length, 0);
              assert.equal(place, candidates.length > 0 ? 'busy' : 'none');
              assert.deepEqual(totals(), before);
              continue;
            }
            held.push({ place, front });
            const { slot } = place.backend;
            assert.ok(free.includes(place.backend), `backend ${slot} may not be asked`);
            assert.equal(place.isProbe, backends[slot]!.breaker === 'half_open');
            before[slot]!++;
            assert.deepEqual(totals(), before);
          }
        },
      ),
      { numRuns: propertyRuns(4_000) },
    );
  });
});

describe('many backends', () => {
  const many = 20;

  it('two choices at random keep the loads almost even', () => {
    const { totals, take } = createLimitedStand(
      Array.from({ length: many }, () => ({ maxConcurrency: 1_000 })),
    );
    for (let i = 0; i < many * 50; i++) assert.equal(typeof take(), 'object');
    const loads = totals();
    // One choice alone would leave them some 30 apart.
    assert.ok(Math.max(...loads) - Math.min(...loads) <= 10, loads.join(' '));
  });

  it('the few that are free among many full ones are found', () => {
    const { totals, takeSlot } = createLimitedStand(
      Array.from({ length: many }, (_, slot) => ({ maxConcurrency: slot === 13 ? 100 : 1 })),
    );
    for (let i = 0; i < many - 1 + 100; i++) assert.equal(typeof takeSlot(), 'number');
    assert.equal(takeSlot(), 'busy');
    assert.deepEqual(
      totals(),
      Array.from({ length: many }, (_, slot) => (slot === 13 ? 100 : 1)),
    );
  });
});

describe('affinity', () => {
  const keys = Array.from({ length: 4_000 }, (_, i) => hashOf(1_000_000 + i));
  /** Where an idle node sends each key. */
  const homesOf = (backends: readonly Partial<RoutedBackend>[]): (number | string)[] => {
    const { take, leave } = createLimitedStand(backends);
    return keys.map((affinityKey) => {
      const place = take({ affinityKey });
      if (typeof place === 'string') return place;
      leave(place);
      return place.backend.slot;
    });
  };
  const shareOf = (homes: readonly (number | string)[], slot: number): number =>
    homes.filter((home) => home === slot).length / homes.length;

  it('the same key goes to the same backend, whatever came in between', () => {
    const backends = [{}, {}, {}, {}];
    assert.deepEqual(homesOf(backends), homesOf(backends));
    const { take, leave } = createLimitedStand(backends);
    const home = (take({ affinityKey: 77 }) as Place).backend;
    for (let i = 0; i < 5; i++) leave(take() as Place);
    // One is open at home already, which is still its share of two.
    assert.notEqual((take({ affinityKey: 77 }) as Place).backend, undefined);
    leave({ backend: home, isProbe: false });
    assert.equal((take({ affinityKey: 77 }) as Place).backend, home);
  });

  it('a few requests with one key stay together while nothing else is open', () => {
    const { take, totals } = createLimitedStand([{}, {}, {}, {}].map(() => ({ maxConcurrency: 64 })));
    for (let i = 0; i < 4; i++) assert.equal(typeof take({ affinityKey: 77 }), 'object');
    assert.deepEqual(totals().toSorted(), [0, 0, 0, 4]);
  });

  it('keys spread by weight', () => {
    const homes = homesOf([{ weight: 1 }, { weight: 2 }, { weight: 5 }]);
    for (const [slot, weight] of [1, 2, 5].entries()) {
      const share = shareOf(homes, slot);
      assert.ok(Math.abs(share - weight / 8) < 0.03, `weight ${weight} holds ${share} of the keys`);
    }
  });

  it('when a backend goes away only its own keys move, and to all others alike', () => {
    const before = homesOf([{}, {}, {}, {}, {}]);
    const identity = [0, 1, 3, 4];
    const after = homesOf(identity.map((each) => ({ identityHash: hashOf(each) }))).map(
      (slot) => identity[slot as number],
    );
    const moved = after.filter((_, i) => before[i] === 2);
    for (const [i, home] of before.entries()) if (home !== 2) assert.equal(after[i], home);
    for (const each of identity) {
      const share = moved.filter((home) => home === each).length / moved.length;
      assert.ok(share > 0.17 && share < 0.33, `${each} got ${share} of the keys that moved`);
    }
  });

  it('a backend that is down or whose breaker is open lends only its own keys', () => {
    const before = homesOf([{}, {}, {}]);
    for (const fault of ['health', 'breaker'] as const) {
      const { states, open, take, leave } = createLimitedStand([{}, {}, {}]);
      if (fault === 'health') states.health.set(1, false);
      else open(1);
      for (const [i, affinityKey] of keys.slice(0, 500).entries()) {
        const place = take({ affinityKey }) as Place;
        leave(place);
        if (before[i] === 1) assert.notEqual(place.backend.slot, 1);
        else assert.equal(place.backend.slot, before[i]);
      }
    }
  });

  it('a key that is asked for too much spills over, and nobody carries much more than a share', () => {
    const { take, totals } = createLimitedStand([{}, {}, {}, {}].map(() => ({ maxConcurrency: 1_000 })));
    const requests = 400;
    for (let i = 0; i < requests; i++) assert.equal(typeof take({ affinityKey: 5 }), 'object');
    const loads = totals().toSorted((one, other) => other - one);
    const share = requests / 4;
    assert.ok(loads[0]! > share * 1.15, `the preferred one carries ${loads}`);
    assert.ok(loads[0]! <= Math.ceil(share * 1.25), `the preferred one carries ${loads}`);
    assert.ok(loads[3]! > share * 0.8, `the least one carries ${loads}`);
  });

  it('a preferred backend at its limit is not waited for', () => {
    const { take, takeSlot } = createLimitedStand([{ maxConcurrency: 1 }, { maxConcurrency: 1 }]);
    const home = (take({ affinityKey: 5 }) as Place).backend.slot;
    assert.equal(takeSlot({ affinityKey: 5 }), 1 - home);
    assert.equal(takeSlot({ affinityKey: 5 }), 'busy');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BackendStates, takePlace } from '#src/openai/selectBackend.js';
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

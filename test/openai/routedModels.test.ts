import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeError } from '#src/errors/nodeError.js';
import { createRouting, type RoutedModels, type Routing } from '#src/openai/routedModels.js';
import { propertyRuns } from '#test/runs.js';
import { modelBackends } from './routedModel.js';

const [a, b, c] = ['http://a:1', 'http://b:2', 'http://c:3/base'];
const routingOf = (slots: number, isSlotIdle: (slot: number) => boolean): Routing =>
  createRouting({ slots, lanes: slots, isSlotIdle, isLaneIdle: () => true, onNewSlot: () => undefined });
const slotsOf = ({ models }: RoutedModels): number[] =>
  models.flatMap(({ backends }) => backends.map(({ slot }) => slot));

describe('slots of backends', () => {
  it('each backend has its own, also when two models share a server', () => {
    const slots = routingOf(8, () => true);
    const routed = slots.assign(modelBackends({ x: [a, b], y: [a] }));
    assert.equal(new Set(slotsOf(routed)).size, 3);
  });

  it('the label is the host and port, without credentials or path', () => {
    const routed = routingOf(8, () => true).assign(modelBackends({ x: [c] }));
    assert.equal(routed.models[0]?.backends[0]?.label, 'c:3');
  });

  it('a backend that stays keeps its slot over a reload', () => {
    const slots = routingOf(8, () => false);
    const [slotA, slotB] = slotsOf(slots.assign(modelBackends({ x: [a], y: [b] })));
    const after = slotsOf(slots.assign(modelBackends({ z: [c], y: [b], x: [a] })));
    assert.deepEqual(after.slice(1), [slotB, slotA]);
  });

  it('a removed backend keeps its slot until its last request has ended', () => {
    const busy = new Set<number>();
    const slots = routingOf(2, (slot) => !busy.has(slot));
    const [slotA] = slotsOf(slots.assign(modelBackends({ x: [a] })));
    busy.add(slotA!);
    const [slotB] = slotsOf(slots.assign(modelBackends({ x: [b] })));
    assert.notEqual(slotB, slotA);
    assert.throws(() => slots.assign(modelBackends({ x: [b], y: [c] })), {
      code: 'config_invalid',
      message: 'at most 2 backends can be in use at once',
    } satisfies Partial<NodeError>);
    busy.clear();
    assert.deepEqual(slotsOf(slots.assign(modelBackends({ x: [b], y: [c] }))), [slotB, slotA]);
  });

  it('a refused reload changes nothing', () => {
    const slots = routingOf(2, () => false);
    const before = slotsOf(slots.assign(modelBackends({ x: [a, b] })));
    assert.throws(() => slots.assign(modelBackends({ x: [a, b, c] })));
    assert.deepEqual(slotsOf(slots.assign(modelBackends({ x: [a, b] }))), before);
  });

  it('a backend keeps its slot when others are put before it or taken away, so that its limit goes on', () => {
    const routing = routingOf(8, () => false);
    const [slotA, slotB] = slotsOf(routing.assign(modelBackends({ x: [a, b] })));
    const [, ...moved] = slotsOf(routing.assign(modelBackends({ x: [c, b, a] })));
    assert.deepEqual(moved, [slotB, slotA]);
    assert.deepEqual(slotsOf(routing.assign(modelBackends({ x: [a] }))), [slotA]);
  });

  it('a server that is named twice is two backends', () => {
    const routing = routingOf(8, () => false);
    const before = slotsOf(routing.assign(modelBackends({ x: [a, a] })));
    assert.equal(new Set(before).size, 2);
    assert.deepEqual(slotsOf(routing.assign(modelBackends({ x: [b, a, a] }))).slice(1), before);
  });

  it('over any reloads no two backends in use share a slot', () => {
    const urls = [a, b, c, 'http://d:4'];
    const reload = fc.record({
      configuration: fc.dictionary(
        fc.constantFrom('x', 'y', 'z'),
        fc.uniqueArray(fc.constantFrom(...urls), { minLength: 1, maxLength: 3 }),
      ),
      busy: fc.uniqueArray(fc.nat(15)),
    });
    fc.assert(
      fc.property(fc.array(reload, { maxLength: 12 }), (reloads) => {
        let busy = new Set<number>();
        const slots = routingOf(16, (slot) => !busy.has(slot));
        let before: number[] = [];
        let held: number[] = [];
        for (const each of reloads) {
          let after: number[];
          try {
            after = slotsOf(slots.assign(modelBackends(each.configuration)));
          } catch (thrown) {
            assert.equal((thrown as NodeError).code, 'config_invalid');
            continue;
          }
          assert.equal(new Set(after).size, after.length);
          // Removed ones that still stream, as of the moment of the reload.
          held = [...held, ...before].filter((slot) => busy.has(slot) && !after.includes(slot));
          const reused = after.filter((slot) => held.includes(slot));
          assert.deepEqual(reused, []);
          before = after;
          busy = new Set(each.busy.filter((slot) => [...before, ...held].includes(slot)));
        }
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

describe('lanes of models', () => {
  const routingWith = (
    lanes: number,
    isLaneIdle: (lane: number) => boolean,
    onNewSlot: (slot: number) => void = () => undefined,
  ): Routing => createRouting({ slots: 64, lanes, isSlotIdle: () => true, isLaneIdle, onNewSlot });
  const lanesOf = ({ models }: RoutedModels): number[] => models.map((model) => model.lane);

  it('each model has its own and keeps it over a reload, wherever it stands in the file', () => {
    const routing = routingWith(8, () => true);
    const [laneX, laneY] = lanesOf(routing.assign(modelBackends({ x: [a], y: [a] })));
    assert.notEqual(laneX, laneY);
    const after = lanesOf(routing.assign(modelBackends({ z: [a], y: [b], x: [c] })));
    assert.deepEqual(after.slice(1), [laneY, laneX]);
    assert.equal(new Set(after).size, 3);
  });

  it('a removed model keeps its lane until nobody waits there any more', () => {
    const waiting = new Set<number>();
    const routing = routingWith(2, (lane) => !waiting.has(lane));
    const [laneX] = lanesOf(routing.assign(modelBackends({ x: [a] })));
    waiting.add(laneX!);
    const [laneY] = lanesOf(routing.assign(modelBackends({ y: [a] })));
    assert.notEqual(laneY, laneX);
    assert.throws(() => routing.assign(modelBackends({ y: [a], z: [a] })), {
      code: 'config_invalid',
      message: 'at most 2 models can be in use at once',
    } satisfies Partial<NodeError>);
    waiting.clear();
    assert.deepEqual(lanesOf(routing.assign(modelBackends({ y: [a], z: [a] }))), [laneY, laneX]);
  });

  it('a reload that is refused for its models changes no backend either', () => {
    const fresh: number[] = [];
    const routing = routingWith(
      1,
      () => true,
      (slot) => fresh.push(slot),
    );
    const before = slotsOf(routing.assign(modelBackends({ x: [a, b] })));
    fresh.length = 0;
    assert.throws(() => routing.assign(modelBackends({ x: [c, b], y: [a] })));
    assert.deepEqual(fresh, []);
    assert.deepEqual(slotsOf(routing.assign(modelBackends({ x: [a, b] }))), before);
    assert.deepEqual(fresh, []);
  });

  it('says which slots changed hands, and only those', () => {
    const fresh: number[] = [];
    const routing = routingWith(
      8,
      () => true,
      (slot) => fresh.push(slot),
    );
    const before = slotsOf(routing.assign(modelBackends({ x: [a, b] })));
    assert.deepEqual(fresh, before);
    fresh.length = 0;
    const after = slotsOf(routing.assign(modelBackends({ x: [a, c] })));
    assert.deepEqual(fresh, [after[1]]);
  });

  it('over any reloads no two models in use share a lane', () => {
    const reload = fc.record({
      names: fc.uniqueArray(fc.constantFrom('u', 'v', 'w', 'x', 'y', 'z'), { minLength: 1 }),
      waiting: fc.uniqueArray(fc.nat(7)),
    });
    fc.assert(
      fc.property(fc.array(reload, { maxLength: 12 }), (reloads) => {
        let waiting = new Set<number>();
        const routing = routingWith(8, (lane) => !waiting.has(lane));
        let before = new Map<string, number>();
        let held: number[] = [];
        for (const each of reloads) {
          let routed: RoutedModels;
          try {
            routed = routing.assign(modelBackends(Object.fromEntries(each.names.map((name) => [name, [a]]))));
          } catch (thrown) {
            assert.equal((thrown as NodeError).code, 'config_invalid');
            continue;
          }
          const after = new Map(routed.models.map(({ name, lane }) => [name, lane]));
          const lanes = [...after.values()];
          assert.equal(new Set(lanes).size, lanes.length);
          for (const [name, lane] of before) if (after.has(name)) assert.equal(after.get(name), lane);
          const gone = [...before].filter(([name]) => !after.has(name)).map(([, lane]) => lane);
          held = [...held, ...gone].filter((lane) => waiting.has(lane));
          assert.deepEqual(
            lanes.filter((lane) => held.includes(lane)),
            [],
          );
          before = after;
          waiting = new Set(each.waiting.filter((lane) => [...lanes, ...held].includes(lane)));
        }
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

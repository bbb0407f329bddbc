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

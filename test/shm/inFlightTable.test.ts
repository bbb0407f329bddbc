import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  backendColumn,
  createInFlightTable,
  InFlightTable,
  maxBackendSlots,
  requestColumn,
} from '#src/shm/inFlightTable.js';
import { propertyRuns } from '#test/runs.js';

const fronts = 3;

describe('the in-flight table', () => {
  it('adds up over all fronts, and a dead front takes only its own counts along', () => {
    const move = fc.oneof(
      {
        weight: 20,
        arbitrary: fc.record({
          kind: fc.constant('enter' as const),
          front: fc.nat(fronts - 1),
          slot: fc.nat(4),
        }),
      },
      {
        weight: 15,
        arbitrary: fc.record({
          kind: fc.constant('leave' as const),
          front: fc.nat(fronts - 1),
          slot: fc.nat(4),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), front: fc.nat(fronts - 1) }) },
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 100 }), (moves) => {
        const table = new InFlightTable(createInFlightTable(fronts));
        const model = Array.from({ length: fronts }, () => [0, 0, 0, 0, 0]);
        for (const each of moves) {
          const row = model[each.front]!;
          if (each.kind === 'die') {
            table.clearFront(each.front);
            row.fill(0);
          } else if (each.kind === 'enter') {
            table.enter(each.front, backendColumn(each.slot));
            row[each.slot]!++;
          } else if (row[each.slot]! > 0) {
            table.leave(each.front, backendColumn(each.slot));
            row[each.slot]!--;
          }
          for (let slot = 0; slot < 5; slot++) {
            const expected = model.reduce((sum, counts) => sum + counts[slot]!, 0);
            assert.equal(table.total(backendColumn(slot)), expected);
          }
        }
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('keeps the column of requests apart from every backend, the last one and the next row included', () => {
    const table = new InFlightTable(createInFlightTable(2));
    table.enter(0, backendColumn(maxBackendSlots - 1));
    table.enter(1, requestColumn);
    assert.equal(table.total(requestColumn), 1);
    assert.equal(table.total(backendColumn(maxBackendSlots - 1)), 1);
    assert.equal(table.total(backendColumn(0)), 0);
    table.clearFront(0);
    assert.equal(table.total(backendColumn(maxBackendSlots - 1)), 0);
    assert.equal(table.total(requestColumn), 1);
  });

  it('two views of the same memory count together', () => {
    const memory = createInFlightTable(2);
    new InFlightTable(memory).enter(0, requestColumn);
    new InFlightTable(memory).enter(1, requestColumn);
    assert.equal(new InFlightTable(memory).total(requestColumn), 2);
  });
});

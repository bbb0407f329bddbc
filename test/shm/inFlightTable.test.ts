import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  backendColumn,
  createInFlightTable,
  InFlightTable,
  maxBackendSlots,
  requestColumn,
} from '#src/shm/inFlightTable.js';
import { propertyRuns } from '#test/runs.js';
import { type EnterThreadData, notes, noteWords } from './enterThread.js';

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
      {
        weight: 15,
        arbitrary: fc.record({
          kind: fc.constant('tryEnter' as const),
          front: fc.nat(fronts - 1),
          slot: fc.nat(4),
          limit: fc.nat(6),
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
          } else if (each.kind === 'tryEnter') {
            const isRoom = model.reduce((sum, counts) => sum + counts[each.slot]!, 0) < each.limit;
            assert.equal(table.tryEnter(each.front, backendColumn(each.slot), each.limit), isRoom);
            if (isRoom) row[each.slot]!++;
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

describe('several threads at the in-flight table', () => {
  it('never hold more places than the limit, and all come back', async () => {
    // As many threads as even a small machine runs at once: one more would only wait its turn.
    const [threads, limit] = [2, 1];
    const table = createInFlightTable(threads);
    const words = new SharedArrayBuffer(4 * noteWords);
    const exitCodes = Array.from({ length: threads }, async (_, thread) => {
      const workerData: EnterThreadData = {
        table,
        notes: words,
        thread,
        threads,
        limit,
        rounds: 100,
        tries: 300,
      };
      const worker = new Worker(new URL('./enterThread.js', import.meta.url), { workerData });
      const [exitCode] = await once(worker, 'exit');
      return exitCode;
    });
    assert.deepEqual(await Promise.all(exitCodes), [0, 0]);
    const noted = new Int32Array(words);
    assert.equal(noted[notes.overLimit], 0);
    assert.equal(new InFlightTable(table).total(requestColumn), 0);
    assert.ok(noted[notes.refused]! > 0, 'nobody was refused: they never met');
    for (let front = 0; front < threads; front++) new InFlightTable(table).clearFront(front);
    assert.equal(new InFlightTable(table).total(requestColumn), 0, 'a row and the totals disagree');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DispatchSize } from '#src/compute/engines/dispatchSize.js';

const tile = 64;
const perRow = 1e6;

/** Dispatches of a device that does so many operations a millisecond. */
function dispatchTimes(size: DispatchSize, operationsPerMs: number, dispatches: number): number[] {
  return Array.from({ length: dispatches }, () => {
    const operations = size.rows(perRow, tile) * perRow;
    const ms = operations / operationsPerMs;
    size.learn(operations, ms);
    return ms;
  });
}

describe('the size of a dispatch', () => {
  it('comes to rest between 25 and 200 ms on any device', () => {
    fc.assert(
      fc.property(fc.double({ min: 2e6, max: 1e11, noNaN: true }), (operationsPerMs) => {
        const times = dispatchTimes(new DispatchSize(2 ** 30), operationsPerMs, 40).slice(-5);
        assert.ok(
          times.every((ms) => ms >= 25 && ms <= 200),
          `${times}`,
        );
      }),
    );
  });

  it('is a tile at least', () => {
    const size = new DispatchSize(1);
    assert.equal(size.rows(perRow, tile), tile);
    size.learn(tile * perRow, 5_000);
    assert.equal(size.rows(perRow, tile), tile);
  });

  it('does not grow by dispatches that were small anyway', () => {
    const size = new DispatchSize(1_000 * perRow);
    for (let i = 0; i < 100; i++) size.learn(10 * perRow, 1);
    assert.equal(size.rows(perRow, 1), 1_000);
  });
});

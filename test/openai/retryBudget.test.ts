import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RetryBudget } from '#src/openai/retryBudget.js';
import { propertyRuns } from '#test/runs.js';

const reserve = 10;

const budgetOf = (percent: number, nowMs: number, fronts = 1): RetryBudget =>
  new RetryBudget({ percent, nowMs, fronts });

/** How many retries are allowed in a row. */
function drain(budget: RetryBudget, nowMs: number): number {
  let count = 0;
  while (budget.withdraw(nowMs)) count++;
  return count;
}

describe('the retry budget', () => {
  it('begins with a reserve', () => {
    assert.equal(drain(budgetOf(10, 0), 0), reserve);
  });

  it('grows by its share of the requests', () => {
    const budget = budgetOf(25, 0);
    drain(budget, 0);
    for (let i = 0; i < 20; i++) budget.deposit();
    assert.equal(drain(budget, 0), 5);
  });

  it('grows by one in a second without any request', () => {
    const budget = budgetOf(25, 7_000);
    drain(budget, 7_000);
    assert.equal(drain(budget, 7_999), 0);
    assert.equal(drain(budget, 8_000), 1);
    assert.equal(drain(budget, 11_500), 3);
    assert.equal(drain(budget, 12_000), 1);
  });

  it('never saves up more than the reserve and the share of a hundred requests', () => {
    const budget = budgetOf(50, 0);
    for (let i = 0; i < 1_000; i++) budget.deposit();
    assert.equal(drain(budget, 3_600_000), reserve + 50);
  });

  it('is shared out among the fronts', () => {
    const budget = budgetOf(25, 0, 5);
    assert.equal(drain(budget, 0), reserve / 5);
    assert.equal(drain(budget, 4_999), 0);
    assert.equal(drain(budget, 5_001), 1);
  });

  it('of 0 percent allows no retry, however much time passes', () => {
    const budget = budgetOf(0, 0);
    for (let i = 0; i < 100; i++) budget.deposit();
    assert.equal(drain(budget, 0), 0);
    assert.equal(drain(budget, 3_600_000), 0);
  });

  it('allows never more than the reserve, the share of the requests and what the time brings', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('request' as const) },
      { weight: 5, arbitrary: fc.constant('retry' as const) },
      { weight: 2, arbitrary: fc.nat(3_000) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.array(step, { maxLength: 300, size: 'max' }),
        (percent, steps) => {
          const startMs = 5_000;
          const budget = budgetOf(percent, startMs);
          let nowMs = startMs;
          let requests = 0;
          let retries = 0;
          for (const each of steps) {
            if (typeof each === 'number') nowMs += each;
            else if (each === 'request') {
              budget.deposit();
              requests++;
            } else if (budget.withdraw(nowMs)) retries++;
            const allowed = reserve + (requests * percent) / 100 + (nowMs - startMs) / 1_000;
            // Sums of fractions.
            assert.ok(retries <= allowed + 1e-6, `${retries} retries, ${allowed} allowed`);
            if (percent === 0) assert.equal(retries, 0);
          }
        },
      ),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createJobLane } from '#src/compute/jobLane.js';
import { NodeError } from '#src/errors/nodeError.js';
import { deferred } from '#src/lib/deferred.js';

const never = new AbortController().signal;
const codeOf = (thrown: unknown): string => (thrown instanceof NodeError ? thrown.code : String(thrown));

describe('the job lane', () => {
  it('runs one job at a time, in the order of their arrival', async () => {
    const lane = createJobLane(10);
    const order: string[] = [];
    let running = 0;
    const job = (name: string) => async () => {
      assert.equal(++running, 1);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(name);
      running--;
    };
    await Promise.all(['a', 'b', 'c'].map((name) => lane.run(job(name), never)));
    assert.deepEqual(order, ['a', 'b', 'c']);
    assert.deepEqual([lane.isBusy, lane.waiting], [false, 0]);
  });

  it('refuses a job when the line is full, and takes one again when it is not', async () => {
    const lane = createJobLane(1);
    const held = deferred();
    const first = lane.run(() => held.promise, never);
    const second = lane.run(async () => 2, never);
    assert.deepEqual([lane.isBusy, lane.waiting], [true, 1]);
    await assert.rejects(
      lane.run(async () => 3, never),
      (thrown) => codeOf(thrown) === 'queue_full',
    );
    held.resolve();
    await first;
    assert.equal(await second, 2);
    assert.equal(await lane.run(async () => 4, never), 4);
  });

  it('a lane without a line runs one job and refuses every other', async () => {
    const lane = createJobLane(0);
    const held = deferred();
    const first = lane.run(() => held.promise, never);
    await assert.rejects(
      lane.run(async () => 2, never),
      (thrown) => codeOf(thrown) === 'queue_full',
    );
    held.resolve();
    await first;
  });

  it('a job that is given up while it waits leaves the line at once and never runs', async () => {
    const lane = createJobLane(2);
    const held = deferred();
    const abort = new AbortController();
    const first = lane.run(() => held.promise, never);
    let ran = false;
    const second = lane.run(async () => {
      ran = true;
    }, abort.signal);
    const third = lane.run(async () => 'third', never);
    abort.abort(new Error('left'));
    await assert.rejects(second, /left/);
    assert.equal(lane.waiting, 1);
    held.resolve();
    await first;
    assert.equal(await third, 'third');
    assert.equal(ran, false);
  });

  it('a job that fails makes room for the next', async () => {
    const lane = createJobLane(1);
    const failing = lane.run(async () => {
      throw new Error('broken');
    }, never);
    const next = lane.run(async () => 'fine', never);
    await assert.rejects(failing, /broken/);
    assert.equal(await next, 'fine');
  });

  it('never loses or doubles a place, whatever is given up and fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('works', 'fails', 'given up'), { maxLength: 30 }),
        fc.integer({ min: 0, max: 5 }),
        async (fates, maxWaiting) => {
          const lane = createJobLane(maxWaiting);
          let running = 0;
          let ended = 0;
          const runs = fates.map((fate) => {
            const abort = new AbortController();
            const run = lane.run(async () => {
              assert.equal(++running, 1);
              await new Promise((resolve) => setImmediate(resolve));
              running--;
              if (fate === 'fails') throw new Error('fails');
            }, abort.signal);
            if (fate === 'given up') queueMicrotask(() => abort.abort(new Error('given up')));
            return run.then(
              () => ended++,
              () => ended++,
            );
          });
          await Promise.all(runs);
          assert.equal(ended, fates.length);
          assert.deepEqual([lane.isBusy, lane.waiting, running], [false, 0, 0]);
        },
      ),
      { numRuns: 50 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { oneAtATime } from '#src/compute/oneAtATime.js';
import { NodeError } from '#src/errors/nodeError.js';
import { type Deferred, deferred } from '#src/lib/deferred.js';

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('one job at a time', () => {
  it('begins a job when the one before has ended, however it ended', async () => {
    const turns = oneAtATime(10);
    const gates: readonly Deferred[] = [deferred(), deferred(), deferred()];
    const begun: number[] = [];
    const jobs = gates.map((gate, job) =>
      turns.take(async () => {
        begun.push(job);
        await gate.promise;
        return job;
      }, never),
    );
    await turn();
    assert.deepEqual(begun, [0]);
    gates[0]!.reject(new Error('broken'));
    await assert.rejects(jobs[0]!, /broken/);
    await turn();
    assert.deepEqual(begun, [0, 1]);
    gates[1]!.resolve();
    gates[2]!.resolve();
    assert.deepEqual(await Promise.all(jobs.slice(1)), [1, 2]);
  });

  it('rejects at once when the signal aborts, but begins no other job before that one has ended', async () => {
    const turns = oneAtATime(10);
    const gate = deferred();
    const controller = new AbortController();
    const first = turns.take(() => gate.promise, controller.signal);
    let hasBegun = false;
    const second = turns.take(async () => {
      hasBegun = true;
    }, never);
    await turn();
    const reason = new Error('the caller left');
    controller.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    await turn();
    assert.equal(hasBegun, false);
    gate.resolve();
    await second;
    assert.equal(hasBegun, true);
  });

  it('never begins a job whose signal aborted while it waited', async () => {
    const turns = oneAtATime(10);
    const gate = deferred();
    const first = turns.take(() => gate.promise, never);
    const controller = new AbortController();
    let hasBegun = false;
    const second = turns.take(async () => {
      hasBegun = true;
    }, controller.signal);
    const rejected = assert.rejects(second, /the caller left/);
    controller.abort(new Error('the caller left'));
    await rejected;
    gate.resolve();
    await first;
    await turns.take(async () => undefined, never);
    assert.equal(hasBegun, false);
  });

  it('refuses a job when too many wait', async () => {
    const turns = oneAtATime(1);
    const gate = deferred();
    const jobs = [0, 1].map(() => turns.take(() => gate.promise, never));
    await assert.rejects(
      turns.take(() => gate.promise, never),
      (error) => error instanceof NodeError && error.code === 'compute_failed',
    );
    gate.resolve();
    await Promise.all(jobs);
    await turns.take(async () => undefined, never);
  });
});

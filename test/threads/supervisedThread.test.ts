import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  type SupervisedThread,
  startSupervisedThread,
  type ThreadFailure,
} from '#src/threads/supervisedThread.js';
import { type WarmThread, warmThread } from '#src/threads/warmThread.js';
import type { FailingThreadData, FailingThreadMethods } from './failingThread.js';

const entry = new URL('./failingThread.js', import.meta.url);

interface Watched {
  readonly thread: SupervisedThread<FailingThreadMethods>;
  readonly failures: ThreadFailure[];
  readonly givenUp: ThreadFailure[];
  /** Starts so far. */
  readonly starts: () => number;
  readonly nextFailure: () => Promise<ThreadFailure>;
}

function watch(
  test: TestContext,
  behaviourOf: (start: number) => FailingThreadData['behaviour'],
  warm?: WarmThread,
): Watched {
  let starts = 0;
  let wake: (failure: ThreadFailure) => void = () => undefined;
  const failures: ThreadFailure[] = [];
  const givenUp: ThreadFailure[] = [];
  const thread = startSupervisedThread<FailingThreadMethods, Record<never, never>>({
    entry,
    name: 'thread-0',
    workerData: (): FailingThreadData => ({ behaviour: behaviourOf(++starts), start: starts }),
    warm,
    methods: {},
    onFailure: (failure) => {
      failures.push(failure);
      wake(failure);
    },
    onGiveUp: (failure) => givenUp.push(failure),
  });
  test.after(async () => {
    await thread.calls.call('close', undefined, 100).catch(() => undefined);
    await thread.ended();
  });
  const nextFailure = (): Promise<ThreadFailure> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return { thread, failures, givenUp, starts: () => starts, nextFailure };
}

/** A call that waits until the thread has been started again. */
async function whichStart(thread: SupervisedThread<FailingThreadMethods>): Promise<number> {
  for (;;) {
    const answer = await thread.calls.call('whichStart', undefined, 2_000).catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a supervised thread', () => {
  it('that throws is replaced, with new data, and its calls go to the new one', async (test) => {
    const { thread, failures } = watch(test, () => 'live');
    assert.equal(await whichStart(thread), 1);
    await thread.calls.call('fail', undefined);
    // The old thread may still answer; the new one says 2.
    while ((await whichStart(thread)) === 1);
    assert.equal(await whichStart(thread), 2);
    assert.equal(failures.length, 1);
    assert.equal(failures[0]?.error?.message, 'start 1 failed');
    assert.equal(failures[0]?.exitCode, 1);
  });

  it('that exits by itself is replaced too, without an error to show', async (test) => {
    const { thread, failures } = watch(test, (start) => (start === 1 ? 'exit' : 'live'));
    assert.equal(await whichStart(thread), 2);
    assert.deepEqual(failures, [{ exitCode: 9, error: undefined, inARow: 1 }]);
  });

  it('that fails in the middle of a call fails the call at once', async (test) => {
    const { thread, nextFailure } = watch(test, () => 'live');
    await whichStart(thread);
    const { calls } = thread;
    const failed = nextFailure();
    await calls.call('fail', undefined);
    await failed;
    await assert.rejects(calls.call('whichStart', undefined), {
      meta: { method: 'whichStart', reason: 'thread-0 ended' },
    });
  });

  it('that fails again and again waits longer each time and is given up after the eighth', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const { failures, givenUp, starts, nextFailure } = watch(test, () => 'throw');
    const delays: number[] = [];
    for (let failure = await nextFailure(); failure.inARow < 8; ) {
      const before = starts();
      const next = nextFailure();
      let delayMs = 0;
      while (starts() === before) {
        test.mock.timers.tick(50);
        delayMs += 50;
      }
      delays.push(delayMs);
      failure = await next;
    }
    assert.deepEqual(delays, [50, 100, 200, 400, 800, 1_600, 3_200]);
    test.mock.timers.tick(3_600_000);
    assert.equal(starts(), 8);
    assert.deepEqual(
      failures.map(({ inARow }) => inARow),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.deepEqual(givenUp, failures.slice(-1));
  });

  it('that was started warm is adopted by the first start, and calls made at once reach it', async (test) => {
    for (const isLoaded of [false, true]) {
      const warm = warmThread(entry, 'thread-0');
      // Long enough for most threads to have loaded; either way the outcome is the same.
      if (isLoaded) await new Promise((resolve) => setTimeout(resolve, 200));
      const { thread } = watch(test, () => 'live', warm);
      const answers = await Promise.all([1, 2, 3].map(() => thread.calls.call('whichStart', undefined)));
      assert.deepEqual(answers, [1, 1, 1]);
      await thread.calls.call('fail', undefined);
      while ((await whichStart(thread)) === 1);
      assert.equal(await whichStart(thread), 2);
    }
  });

  it('that is ended on purpose is not replaced', async (test) => {
    const { thread, failures, starts } = watch(test, () => 'live');
    await whichStart(thread);
    const ended = thread.ended();
    await thread.calls.call('close', undefined);
    await ended;
    assert.deepEqual([failures.length, starts()], [0, 1]);
  });

  it('that is ended on purpose while it waits for its restart stays ended', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const { thread, starts, nextFailure } = watch(test, () => 'throw');
    await nextFailure();
    await thread.ended();
    test.mock.timers.tick(3_600_000);
    assert.equal(starts(), 1);
  });
});

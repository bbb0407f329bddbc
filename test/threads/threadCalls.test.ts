import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { NodeError } from '#src/errors/nodeError.js';
import { connectThread, type MethodTable } from '#src/threads/threadCalls.js';

type Echo = { echo(value: unknown): unknown };

/** Both ends of one port, as two threads would hold them. */
function connect<Remote extends MethodTable>(test: TestContext, remote: Remote) {
  const { port1, port2 } = new MessageChannel();
  test.after(() => port1.close());
  const near = connectThread<Remote, Record<never, never>>(port1, {});
  const far = connectThread<Record<never, never>, Remote>(port2, remote);
  return { near, far, port1, port2 };
}

const isNodeError = (expected: Partial<NodeError>) => (thrown: unknown) => {
  assert.ok(thrown instanceof NodeError);
  for (const [key, value] of Object.entries(expected))
    assert.deepEqual(thrown[key as keyof NodeError], value);
  return true;
};

describe('calls between threads', () => {
  it('return what the other side returns or resolves to', async (test) => {
    const { near } = connect(test, {
      add: ({ a, b }: { a: number; b: number }) => a + b,
      later: async (text: string) => ({ text }),
      nothing: () => undefined,
    });
    assert.equal(await near.call('add', { a: 1, b: 2 }), 3);
    assert.deepEqual(await near.call('later', 'x'), { text: 'x' });
    assert.equal(await near.call('nothing', undefined), undefined);
  });

  it('get their own answers, in whatever order these come', async (test) => {
    const waiting: (() => void)[] = [];
    const { near } = connect(test, {
      slow: (n: number) =>
        new Promise<number>((resolve) => {
          waiting.push(() => resolve(n));
          if (waiting.length === 5) for (const answer of waiting.reverse()) answer();
        }),
    });
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => near.call('slow', n)));
    assert.deepEqual(answers, [1, 2, 3, 4, 5]);
  });

  it('fail with the code and meta of what the other side threw', async (test) => {
    const { near } = connect(test, {
      refuse: () => {
        throw new NodeError('rpc_failed', { meta: { attempt: 2 }, cause: new Error('socket closed') });
      },
      crash: () => {
        throw new TypeError('x is not a function');
      },
    });
    await assert.rejects(
      near.call('refuse', undefined),
      isNodeError({ code: 'rpc_failed', meta: { attempt: 2, cause: 'socket closed' } }),
    );
    await assert.rejects(
      near.call('crash', undefined),
      isNodeError({ code: 'internal_error', meta: { cause: 'x is not a function' } }),
    );
  });

  it('of a method that does not exist fail', async (test) => {
    const { near } = connect<Echo>(test, {} as Echo);
    await assert.rejects(
      near.call('echo', 1),
      isNodeError({ code: 'internal_error', meta: { method: 'echo' } }),
    );
  });

  it('fail after their deadline, and an answer that comes later is nobody’s', async (test) => {
    let answer: ((value: unknown) => void) | undefined;
    const { near } = connect<Echo>(test, {
      echo: (value) =>
        value === 'slow'
          ? new Promise((resolve) => {
              answer = resolve;
            })
          : value,
    });
    await assert.rejects(near.call('echo', 'slow', 20), (thrown) => {
      assert.ok(thrown instanceof NodeError);
      assert.equal(thrown.meta['reason'], 'the thread did not answer in time');
      return true;
    });
    // On a busy machine the deadline can pass before the call has reached the other side.
    while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
    answer('late');
    assert.equal(await near.call('echo', 'quick'), 'quick');
  });

  it('that are open when the port is closed fail at once, and so do later ones', async (test) => {
    const { near } = connect<Echo>(test, { echo: () => new Promise(() => undefined) });
    const open = near.call('echo', 1);
    near.close('front-0 ended');
    await assert.rejects(open, isNodeError({ code: 'internal_error', meta: { reason: 'front-0 ended' } }));
    await assert.rejects(
      near.call('echo', 2),
      isNodeError({ meta: { method: 'echo', reason: 'front-0 ended' } }),
    );
  });

  it('a result or an error that cannot be cloned fails its call and does not end the thread', async (test) => {
    const { near } = connect(test, {
      uncloneable: () => () => 'a function',
      uncloneableMeta: () => {
        throw new NodeError('rpc_failed', { meta: { socket: () => undefined } });
      },
      echo: (value: unknown) => value,
    });
    await assert.rejects(near.call('uncloneable', undefined), isNodeError({ code: 'internal_error' }));
    await assert.rejects(near.call('uncloneableMeta', undefined), isNodeError({ code: 'rpc_failed' }));
    assert.equal(await near.call('echo', 'still there'), 'still there');
  });

  it('an argument that cannot be cloned fails its call', async (test) => {
    const { near } = connect<Echo>(test, { echo: (value) => value });
    await assert.rejects(near.call('echo', () => undefined));
    assert.equal(await near.call('echo', 1), 1);
  });

  it('other messages on the port are left alone', async (test) => {
    const { near, port1, port2 } = connect<Echo>(test, { echo: (value) => value });
    for (const message of [null, 7, 'text', {}, { reply: 99, value: 1 }, { call: 'x' }]) {
      port1.postMessage(message);
      port2.postMessage(message);
    }
    assert.equal(await near.call('echo', 1), 1);
  });
});

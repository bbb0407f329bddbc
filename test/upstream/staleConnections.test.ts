/** A backend that closes a kept connection just when a request goes out on it, and what only looks like that. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connections, createConnections } from '#src/upstream/connections.js';
import { forward } from '#src/upstream/forward.js';
import {
  jsonType,
  lengthHead,
  type RawBackend,
  type RawRequest,
  startRawBackend,
} from '../support/rawBackend.js';

const timeouts = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 120_000 };
const whole = `${lengthHead(jsonType, 2)}{}`;

describe('a request on a kept connection', () => {
  let backend: RawBackend;
  let connections: Connections;
  before(async () => {
    backend = await startRawBackend(() => undefined);
  });
  after(() => backend.close());
  afterEach(() => connections.close());

  /** One request that is answered, then one that `answer` sees; how that one ended, and how often it arrived. */
  const second = async (
    answer: (request: RawRequest) => unknown,
  ): Promise<{ ending: string; arrivals: RawRequest[] }> => {
    connections = createConnections({
      origin: backend.url,
      maxIdle: 10,
      idleMs: 60_000,
    });
    backend.answer = ({ socket }) => socket.write(whole);
    assert.equal(await ask('first'), 'complete');
    backend.answer = answer;
    const before = backend.requests.length;
    const ending = await ask('second');
    return { ending, arrivals: backend.requests.slice(before) };
  };

  const ask = (body: string, times = timeouts): Promise<string> =>
    new Promise((resolve) => {
      forward({
        connections,
        timeouts: times,
        request: { method: 'POST', path: '/', headers: {}, body: Buffer.from(body) },
        handler: {
          onResponse: () => undefined,
          onData: () => true,
          onComplete: () => resolve('complete'),
          onFault: ({ kind }) => resolve(kind),
        },
      });
    });

  it('goes out again on a new connection when the backend closes at once, by FIN or by RST', async () => {
    for (const close of ['end', 'resetAndDestroy'] as const) {
      const { ending, arrivals } = await second(({ socket, turn }) => {
        if (turn > 1) socket[close]();
        else socket.write(whole);
      });
      assert.equal(ending, 'complete', close);
      assert.deepEqual(
        arrivals.map(({ body, turn }) => [body.toString(), turn]),
        [
          ['second', 2],
          ['second', 1],
        ],
      );
      connections.close();
    }
  });

  it('does not stand behind a body that the backend answered without reading', async () => {
    const unread: Socket[] = [];
    // Not the backend of the other tests, which reads all of a body before it answers.
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.pause();
        unread.push(socket);
        socket.write(whole);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    connections = createConnections({
      origin: `http://127.0.0.1:${port}`,
      maxIdle: 10,
      idleMs: 60_000,
    });
    try {
      // More than all buffers on the way hold.
      assert.equal(await ask('x'.repeat(50_000_000)), 'complete');
      assert.equal(await ask('second', { ...timeouts, firstByteMs: 5_000 }), 'complete');
      assert.equal(unread.length, 2);
    } finally {
      for (const socket of unread) socket.destroy();
      server.close();
    }
  });

  it('goes out again once and no more', async () => {
    const { ending, arrivals } = await second(({ socket }) => socket.end());
    assert.equal(ending, 'reset');
    assert.deepEqual(
      arrivals.map(({ turn }) => turn),
      [2, 1],
    );
  });

  it('does not go out again when the backend had time to execute it', async () => {
    const { ending, arrivals } = await second(async ({ socket }) => {
      await sleep(400);
      socket.end();
    });
    assert.equal(ending, 'reset');
    assert.equal(arrivals.length, 1);
  });

  it('does not go out again after any byte of a response', async () => {
    const { ending, arrivals } = await second(({ socket }) => socket.end('H'));
    assert.notEqual(ending, 'complete');
    assert.equal(arrivals.length, 1);
  });

  it('does not go out again on a connection that was new', async () => {
    connections = createConnections({
      origin: backend.url,
      maxIdle: 10,
      idleMs: 60_000,
    });
    backend.answer = ({ socket }) => socket.end();
    const before = backend.requests.length;
    assert.equal(await ask('only'), 'reset');
    assert.equal(backend.requests.length - before, 1);
  });
});

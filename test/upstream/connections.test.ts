import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { BackendConnection } from '#src/upstream/backendConnection.js';
import { type Connections, createConnections } from '#src/upstream/connections.js';
import { eventually } from '../support/bypassNode.js';
import { jsonType, lengthHead, type RawBackend, startRawBackend } from '../support/rawBackend.js';

describe('connections to a backend', () => {
  let backend: RawBackend;
  before(async () => {
    backend = await startRawBackend(({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`));
  });
  after(() => backend.close());
  beforeEach(() =>
    eventually(
      () => backend.sockets.size,
      (open) => open === 0,
    ),
  );

  const openAll = (more: Partial<Parameters<typeof createConnections>[0]> = {}): Connections =>
    createConnections({ origin: backend.url, maxIdle: 10, idleMs: 200, ...more });
  /** One request and its whole response; the connection is left with whoever acquired it. */
  const ask = (connection: BackendConnection): Promise<void> =>
    new Promise((resolve, reject) => {
      const send = (): void =>
        connection.send('POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n', Buffer.from('{}'), false);
      connection.use({
        onConnect: send,
        onHead: () => undefined,
        onBody: () => true,
        onEnd: resolve,
        onBreak: (_, error) => reject(error),
      });
      if (connection.isOpen) send();
    });

  it('reuse the one that was given back last', async () => {
    const connections = openAll();
    const [first, second] = [connections.acquire(), connections.acquire()];
    assert.notEqual(first, second);
    await Promise.all([ask(first), ask(second)]);
    connections.release(first);
    connections.release(second);
    assert.equal(connections.acquire(), second);
    assert.equal(connections.acquire(), first);
    connections.discard(first);
    connections.discard(second);
  });

  it('keep no more idle ones than the bound', async () => {
    const connections = openAll({ maxIdle: 2, idleMs: 600_000 });
    const clients = Array.from({ length: 5 }, () => connections.acquire());
    await Promise.all(clients.map(ask));
    for (const client of clients) connections.release(client);
    await eventually(
      () => backend.sockets.size,
      (open) => open === 2,
    );
    connections.close();
  });

  it('drop idle ones after a while and forget them', async () => {
    const connections = openAll();
    const client = connections.acquire();
    await ask(client);
    connections.release(client);
    await eventually(
      () => backend.sockets.size,
      (open) => open === 0,
    );
    assert.notEqual(connections.acquire(), client);
  });

  it('forget an idle one that the backend closed', async () => {
    const connections = openAll({ idleMs: 600_000 });
    const client = connections.acquire();
    await ask(client);
    connections.release(client);
    for (const socket of backend.sockets) socket.destroy();
    await eventually(
      () => client.isOpen,
      (isConnected) => !isConnected,
    );
    const next = connections.acquire();
    assert.notEqual(next, client);
    await ask(next);
    connections.discard(next);
  });

  it('destroy what is discarded, and open nothing in its place', async () => {
    const connections = openAll({ idleMs: 600_000 });
    for (let index = 0; index < 5; index++) {
      const client = connections.acquire();
      await ask(client);
      connections.discard(client);
    }
    await eventually(
      () => backend.sockets.size,
      (open) => open === 0,
    );
  });

  it('close all idle ones, and those that come back later', async () => {
    const connections = openAll({ idleMs: 600_000 });
    const [idle, busy] = [connections.acquire(), connections.acquire()];
    await Promise.all([ask(idle), ask(busy)]);
    connections.release(idle);
    connections.close();
    connections.release(busy);
    await eventually(
      () => backend.sockets.size,
      (open) => open === 0,
    );
  });
});

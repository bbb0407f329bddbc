/** A large request body: whole at the backend, and gone from memory while its response streams. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { joinedBytes } from '#src/upstream/backendConnection.js';
import { type Connections, createConnections } from '#src/upstream/connections.js';
import { forward, type UpstreamCall } from '#src/upstream/forward.js';
import { eventually } from '../support/bypassNode.js';
import {
  chunk,
  chunkedHead,
  eventStream,
  jsonType,
  lengthHead,
  type RawBackend,
  startRawBackend,
} from '../support/rawBackend.js';

const timeouts = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 120_000 };
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('a large request body', () => {
  let backend: RawBackend;
  let connections: Connections;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    connections = createConnections({
      origin: backend.url,
      maxIdle: 10,
      idleMs: 60_000,
    });
  });
  after(async () => {
    connections.close();
    await backend.close();
  });

  /** Resolves with the first piece of the answer. The body is made in place, since a closure would keep it. */
  const ask = (makeBody: () => Buffer): Promise<UpstreamCall> =>
    new Promise((resolve, reject) => {
      const call = forward({
        connections,
        timeouts,
        request: { method: 'POST', path: '/', headers: {}, body: makeBody() },
        handler: {
          onResponse: () => undefined,
          onData() {
            resolve(call);
            return true;
          },
          onComplete: () => undefined,
          onFault: reject,
        },
      });
    });

  for (const bytes of [joinedBytes / 2, joinedBytes, 5_000_000]) {
    it(`comes whole, with its length, on a connection that is kept: ${bytes} bytes`, async () => {
      backend.answer = ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`);
      const body = Buffer.alloc(bytes, 'abc');
      const before = backend.requests.length;
      for (let turn = 0; turn < 2; turn++) await ask(() => body);
      const [first, second] = backend.requests.slice(before);
      assert.ok(first !== undefined && second !== undefined);
      assert.ok(first.body.equals(body) && second.body.equals(body));
      assert.match(first.head, new RegExp(`\\r\\ncontent-length: ${bytes}(?:\\r|$)`, 'i'));
      assert.doesNotMatch(first.head, /transfer-encoding/i);
      assert.equal(first.socket, second.socket);
    });
  }

  it('goes out whole once more when the kept connection turns out to be closed', async () => {
    const body = Buffer.alloc(5_000_000, 'abc');
    const before = backend.requests.length;
    backend.answer = ({ socket, turn }) => {
      if (turn > 1) socket.resetAndDestroy();
      else socket.write(`${lengthHead(jsonType, 2)}{}`);
    };
    for (let turn = 0; turn < 2; turn++) await ask(() => body);
    const arrived = backend.requests.slice(before);
    assert.equal(arrived.at(-1)?.turn, 1);
    assert.ok(arrived.at(-1)?.body.equals(body));
  });

  it('is let go while its response streams', async () => {
    backend.answer = ({ socket }) =>
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('a')]));
    let body: WeakRef<Buffer> | undefined;
    const call = await ask(() => {
      const bytes = Buffer.alloc(5_000_000, 'abc');
      body = new WeakRef(bytes);
      return bytes;
    });
    await eventually(
      () => {
        collect();
        return body?.deref() === undefined;
      },
      (isGone) => isGone,
      5_000,
    );
    call.abort();
  });
});

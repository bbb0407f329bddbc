/** Callers who leave: the upstream request ends with them, and nothing of it is left behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { begin, open, send } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  eventStream,
  jsonType,
  lastChunk,
  lengthHead,
  type RawBackend,
  startRawBackend,
} from '../support/rawBackend.js';
import type { TestNode } from '../support/testNode.js';

const abortCount = process.env['FXN_TEST_FULL'] ? 2_000 : 100;
const frame = 'data: {"model":"m"}\n\n';

/** Small and seeded, so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a caller that leaves', () => {
  let backend: RawBackend;
  let node: TestNode;
  let label: string;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    label = `127.0.0.1:${backend.port}`;
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
      config: { logger: { verbosity: 'debug' } },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const url = (): string => `${node.url}/v1/chat/completions`;
  const left = async (): Promise<number> =>
    (await node.metric('fxn_upstream_errors_total', { backend: label, kind: 'client_closed' })) ?? 0;
  const assertIdle = async (): Promise<void> => {
    for (const name of ['fxn_http_in_flight_requests', 'fxn_upstream_in_flight_requests']) {
      await eventually(
        () => node.metric(name),
        (inFlight) => inFlight === 0,
      );
    }
  };
  const lastSocketCloses = (): Promise<unknown> => {
    const { socket } = backend.requests.at(-1)!;
    return eventually(
      () => socket.destroyed,
      (isClosed) => isClosed,
    );
  };

  for (const how of ['fin', 'rst'] as const) {
    it(`ends the upstream request of a stream (${how}) (the Go node: it went on)`, async () => {
      const before = await left();
      backend.answer = ({ socket }) => {
        socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(frame)]));
      };
      const answer = await open(url(), { body: { model: 'm' } });
      await answer.readUntil(frame);
      answer.leave(how);
      await lastSocketCloses();
      await assertIdle();
      assert.equal(await left(), before + 1);
    });

    it(`ends an upstream request that has not been answered (${how})`, async () => {
      const before = await left();
      const arrived = new Promise<void>((resolve) => {
        backend.answer = () => resolve();
      });
      const request = begin(url(), { body: { model: 'm' } });
      await arrived;
      request.leave(how);
      await lastSocketCloses();
      await assertIdle();
      assert.equal(await left(), before + 1);
    });

    it(`is forgotten when it leaves while it uploads (${how})`, async () => {
      const before = backend.requests.length;
      const socket = connect(node.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{"model":"m"',
      );
      await eventually(
        () => node.metric('fxn_http_in_flight_requests'),
        (inFlight) => inFlight === 1,
      );
      if (how === 'rst') socket.resetAndDestroy();
      else socket.destroy();
      await assertIdle();
      assert.equal(backend.requests.length, before, 'nothing was sent to the backend');
    });
  }

  it('is counted with status 499 before the answer and with its status after', async () => {
    const responses = (status: string) =>
      node.metric('endpoint_responses_total', { endpoint: '/v1/chat/completions', status_code: status });
    assert.equal(await responses('499'), 4);
    assert.equal(await responses('200'), 2);
  });

  it('is not taken for a fault of the backend', async () => {
    const ends = await eventually(
      () => node.log.filter((line) => line['end'] === 'client_closed'),
      ({ length }) => length >= 6,
    );
    assert.equal(ends.length, 6);
    assert.deepEqual(
      node.log.filter((line) => line.msg === 'backend failed'),
      [],
    );
  });

  it(`leaves no socket and no count behind after ${abortCount} departures at random moments`, async () => {
    const random = createRandom(7);
    const before = await left();
    backend.answer = async ({ socket, body }) => {
      const { headMs, frames } = JSON.parse(body.toString()) as { headMs: number; frames: number };
      await new Promise((resolve) => setTimeout(resolve, headMs));
      socket.write(chunkedHead(eventStream));
      for (let index = 0; index < frames; index++) {
        socket.write(chunk(frame));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      socket.write(lastChunk);
    };
    const depart = async (): Promise<void> => {
      const body = { model: 'm', headMs: Math.floor(random() * 8), frames: Math.floor(random() * 20) };
      const request = begin(url(), { body });
      request.answer.then(
        (answer) => void answer.end(),
        () => undefined,
      );
      await new Promise((resolve) => setTimeout(resolve, Math.floor(random() * 25)));
      request.leave(random() < 0.5 ? 'rst' : 'fin');
    };
    for (let begun = 0; begun < abortCount; begun += 20)
      await Promise.all(Array.from({ length: 20 }, depart));
    await assertIdle();
    assert.ok((await left()) > before, 'some were caught in the middle');
    // What is kept for reuse is closed after idleConnTimeout.
    await eventually(
      () => backend.sockets.size,
      (open) => open === 0,
    );
    assert.equal(await node.metric('fxn_thread_restarts_total', { thread: 'front' }), undefined);
    backend.answer = ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`);
    assert.equal((await send(url(), { body: { model: 'm' } })).status, 200);
  });
});

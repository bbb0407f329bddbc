/** Silences longer than the HTTP server library's own idle timeout of 10 s, which must not end a stream. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { open, send } from '../support/httpClient.js';
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

const silenceMs = 12_500;
const silence = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, silenceMs));
/** More than all buffers on the way hold. */
const floodBytes = 20_000_000;
const frame = 'data: {}\n\n';

describe('a silence of more than 12 s', { concurrency: true }, () => {
  let backend: RawBackend;
  let node: TestNode;
  before(async () => {
    backend = await startRawBackend(async ({ socket, body }) => {
      const { how } = JSON.parse(body.toString()) as { how: string };
      switch (how) {
        case 'between frames':
          socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(frame)]));
          await silence();
          socket.write(Buffer.concat([chunk(frame), Buffer.from(lastChunk)]));
          return;
        case 'before the answer':
          await silence();
          socket.write(`${lengthHead(jsonType, 2)}{}`);
          return;
        case 'in a counted body':
          socket.write(`${lengthHead(jsonType, 8)}{"a"`);
          await silence();
          socket.write(': 1}');
          return;
        default:
          socket.write(chunkedHead(eventStream));
          for (let sent = 0; sent < floodBytes; sent += 100_000) socket.write(chunk('y'.repeat(100_000)));
          socket.write(lastChunk);
      }
    });
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const url = (): string => `${node.url}/v1/chat/completions`;
  for (const [how, expected] of [
    ['between frames', frame + frame],
    ['before the answer', '{}'],
    ['in a counted body', '{"a": 1}'],
  ] as const) {
    it(`does not end an answer: ${how}`, async () => {
      const answer = await send(url(), { body: { model: 'm', how } });
      assert.ok(answer.isWhole);
      assert.equal(answer.text, expected);
    });
  }

  it('of a caller that does not read ends its stream, so that nobody holds a backend like that', async () => {
    const answer = await open(url(), { body: { model: 'm', how: 'flood' } });
    answer.pause();
    await eventually(
      () => node.metric('fxn_upstream_errors_total', { kind: 'client_closed' }),
      (count) => count === 1,
    );
    answer.resume();
    const whole = await answer.end();
    assert.ok(!whole.isWhole);
    assert.ok(whole.body.length < floodBytes);
  });
});

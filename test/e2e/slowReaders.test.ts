/** Callers who read slowly get their own bytes, all of them and in order, while others are served. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBypassNode } from '../support/bypassNode.js';
import { open } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  jsonType,
  lastChunk,
  lengthHead,
  type RawBackend,
  startRawBackend,
} from '../support/rawBackend.js';
import type { TestNode } from '../support/testNode.js';

const lineCount = 200_000;
/** Numbered lines, so that a piece of another place or another answer shows. */
const linesOf = (name: string): string =>
  Array.from({ length: lineCount }, (_, line) => `${name} ${line} ${'.'.repeat(60)}\n`).join('');

describe('an answer to a slow reader', () => {
  let backend: RawBackend;
  let node: TestNode;
  before(async () => {
    backend = await startRawBackend(({ socket, body }) => {
      const { name, isCounted } = JSON.parse(body.toString()) as { name: string; isCounted: boolean };
      const text = linesOf(name);
      if (isCounted) {
        socket.write(lengthHead(jsonType, text.length) + text);
        return;
      }
      socket.write(chunkedHead(jsonType));
      for (let at = 0; at < text.length; at += 10_007) socket.write(chunk(text.slice(at, at + 10_007)));
      socket.write(lastChunk);
    });
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
      config: { node: { listenPort: 0, threads: 1 }, proxy: { healthInterval: '1h' } },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  for (const isCounted of [true, false]) {
    it(`is its own: ${isCounted ? 'an announced length' : 'chunks'}`, async () => {
      const names = ['a', 'b', 'c', 'd'];
      const texts = await Promise.all(
        names.map(async (name, index) => {
          const reply = await open(`${node.url}/v1/chat/completions`, {
            body: { model: 'm', name, isCounted },
          });
          for (let turn = 0; turn < 3 && index > 0; turn++) {
            reply.pause();
            await sleep(150 * index);
            reply.resume();
            await sleep(1);
          }
          const { text, isWhole } = await reply.end();
          assert.equal(isWhole, true);
          return text;
        }),
      );
      for (const [index, name] of names.entries())
        assert.ok(texts[index] === linesOf(name), `the answer to ${name}`);
    });
  }
});

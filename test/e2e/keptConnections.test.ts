/** Connections to a backend are used again, and a backend that closes one in the wrong moment does no harm. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { propertyRuns } from '../runs.js';
import { startBypassNode } from '../support/bypassNode.js';
import { open, send } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  eventStream,
  jsonType,
  lastChunk,
  lengthHead,
  type RawBackend,
  type RawRequest,
  startRawBackend,
} from '../support/rawBackend.js';
import type { TestNode } from '../support/testNode.js';

const answer = '{"object":"chat.completion"}';
/** Around the moment of closing; more near the moment itself than at the ends of the sweep. */
const offsetsMs = [
  ...Array.from({ length: 51 }, (_, i) => i * 20 - 500),
  ...Array.from({ length: 100 }, (_, i) => i * 0.5 - 25),
];
/** How often the whole sweep is made at once. */
const sweeps = Math.ceil(propertyRuns(20) / 5);

describe('a connection to a backend', () => {
  const large = 'x'.repeat(20_000_000);
  const answers: Record<string, (request: RawRequest) => void> = {
    'an answer of announced length': ({ socket }) =>
      void socket.write(`${lengthHead(jsonType, answer.length)}${answer}`),
    'an answer of announced length in pieces': ({ socket }) => {
      socket.write(lengthHead(jsonType, answer.length) + answer.slice(0, 5));
      setTimeout(() => socket.write(answer.slice(5)), 30);
    },
    'a chunked stream': ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('data: [DONE]\n\n')]));
      setTimeout(() => socket.write(lastChunk), 30);
    },
    'an empty answer': ({ socket }) => void socket.write(lengthHead(jsonType, 0)),
    'an answer to a slow reader': ({ socket }) =>
      void socket.write(lengthHead(jsonType, large.length) + large),
    'a refusal that passes': ({ socket }) =>
      void socket.write(`${lengthHead(jsonType, 2).replace('200 OK', '429 Busy')}{}`),
  };

  for (const [name, give] of Object.entries(answers)) {
    it(`carries the next request after ${name}`, async () => {
      const backend = await startRawBackend(give);
      const node = await startBypassNode({
        modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
        config: { node: { listenPort: 0, threads: 1 }, proxy: { healthInterval: '1h' } },
      });
      for (let turn = 1; turn <= 4; turn++) {
        const reply = await open(`${node.url}/v1/chat/completions`, { body: { model: 'm' } });
        if (name === 'an answer to a slow reader') {
          reply.pause();
          await sleep(200);
          reply.resume();
        }
        assert.equal((await reply.end()).isWhole, true);
      }
      assert.deepEqual(
        backend.requests.map(({ turn }) => turn),
        [1, 2, 3, 4],
      );
      await node.close();
      await backend.close();
    });
  }
});

// Five seconds are uvicorn's.
for (const idleMs of [1_000, 5_000])
  describe(`connections that a backend closes after ${idleMs} ms without a request`, () => {
    let backend: RawBackend;
    let node: TestNode;
    const executed: { id: string; turn: number }[] = [];
    const idleTimers = new Map<unknown, NodeJS.Timeout>();
    before(async () => {
      backend = await startRawBackend(({ socket, head, turn }) => {
        // As servers do: what arrives after they have closed is not looked at.
        if (socket.writableEnded) return;
        const id = /x-request-id: (\S+)/i.exec(head)?.[1];
        if (id !== undefined) executed.push({ id, turn });
        clearTimeout(idleTimers.get(socket));
        socket.write(`${lengthHead(jsonType, answer.length)}${answer}`);
        idleTimers.set(
          socket,
          setTimeout(() => socket.end(), idleMs),
        );
      });
      const models = offsetsMs.flatMap((_, gap) =>
        Array.from({ length: sweeps }, (_, sweep) => ({
          name: `m${gap}-${sweep}`,
          // A path of its own gives each model a connection of its own.
          backends: [{ url: `${backend.url}/${gap}-${sweep}` }],
        })),
      );
      node = await startBypassNode({
        modelBackends: { models },
        config: {
          node: { listenPort: 0, threads: 1 },
          proxy: { idleConnTimeout: '90s', healthInterval: '1h', retryBudgetPercent: 0 },
        },
      });
    });
    after(async () => {
      await node?.close();
      await backend?.close();
    });

    it('carry no request into nothing, and none twice', async () => {
      const ask = async (model: string, turn: number): Promise<void> => {
        const { status, text } = await send(`${node.url}/v1/chat/completions`, {
          body: { model },
          headers: { 'x-request-id': `${model}.${turn}` },
        });
        assert.deepEqual([status, text], [200, answer], `${model}, request ${turn}`);
      };
      await Promise.all(
        offsetsMs.flatMap((offsetMs, gap) =>
          Array.from({ length: sweeps }, async (_, sweep) => {
            const model = `m${gap}-${sweep}`;
            await ask(model, 1);
            await sleep(idleMs + offsetMs);
            await ask(model, 2);
          }),
        ),
      );
      const ids = executed.map(({ id }) => id).filter((id) => /\.[12]$/.test(id));
      assert.equal(new Set(ids).size, offsetsMs.length * sweeps * 2);
      assert.equal(ids.length, new Set(ids).size);
      const onKept = executed.filter(({ turn }) => turn > 1).length;
      assert.ok(onKept > 0 && onKept < offsetsMs.length * sweeps, `${onKept} went over a kept connection`);
    });
  });

/** A caller that reads slowly: the upstream is paused, the node's memory stays small, every byte arrives once. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
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

const bodyBytes = 100_000_000;
/**
 * Garbage that is not collected yet and what the allocator keeps came to 15 MB at most on a busy machine; without
 * the pause nearly all of the body would lie in memory.
 */
const allowedGrowthBytes = bodyBytes / 2;
/** As many looks without a new byte: one alone may fall into a moment in which the node had no core. */
const quietLooks = 25;
const pieceBytes = 64_000;

/** Bytes that differ everywhere, in lines, so that a repeated or lost piece changes the hash. */
const pieceOf = (index: number): Buffer => {
  const piece = Buffer.alloc(pieceBytes, `data: ${index} `);
  piece.write('\n\n', pieceBytes - 2);
  return piece;
};

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;

describe('a caller that reads slowly', () => {
  let backend: RawBackend;
  let node: TestNode;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    node = await startBypassNode({
      modelBackends: {
        models: [
          { name: 'm', backends: [{ url: backend.url }] },
          { name: 'mapped', backends: [{ url: backend.url, model: 'm' }] },
        ],
      },
      config: { node: { listenPort: 0, threads: 1 } },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const url = (): string => `${node.url}/v1/chat/completions`;

  /** Writes the whole body as fast as the node takes it; returns its hash and whether it ever had to wait. */
  const pour = async (socket: Socket, framing: 'chunked' | 'length', type: string) => {
    const hash = createHash('sha256');
    const pieces = Math.ceil(bodyBytes / pieceBytes);
    let waits = 0;
    socket.write(framing === 'chunked' ? chunkedHead(type) : lengthHead(type, pieces * pieceBytes));
    for (let index = 0; index < pieces; index++) {
      const piece = pieceOf(index);
      hash.update(piece);
      if (!socket.write(framing === 'chunked' ? chunk(piece) : piece)) {
        waits++;
        await once(socket, 'drain');
      }
    }
    if (framing === 'chunked') socket.write(lastChunk);
    return { digest: hash.digest('hex'), waits };
  };

  for (const [model, framing, type, stream] of [
    ['m', 'chunked', eventStream, false],
    ['m', 'length', eventStream, false],
    ['m', 'length', jsonType, false],
    ['m', 'chunked', eventStream, true],
    ['mapped', 'chunked', eventStream, false],
  ] as const) {
    const asked = stream ? ', its token counts hidden' : '';
    it(`gets a large ${framing} body of ${type} whole in little memory: ${model}${asked}`, async () => {
      // Once quickly, so that what the node keeps anyway is not taken for growth.
      backend.answer = ({ socket }) => void pour(socket, framing, type);
      await send(url(), { body: { model, stream } });

      let poured: ReturnType<typeof pour> | undefined;
      backend.answer = ({ socket }) => {
        poured = pour(socket, framing, type);
      };
      const before = residentBytes(node.pid);
      let highest = before;
      const hash = createHash('sha256');
      let received = 0;
      const answer = await open(url(), { body: { model, stream } });
      answer.pause();
      for (let rest = 0; rest < 20; rest++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        highest = Math.max(highest, residentBytes(node.pid));
      }
      answer.resume();
      const sampler = setInterval(() => {
        highest = Math.max(highest, residentBytes(node.pid));
      }, 20);
      const whole = await answer.end();
      clearInterval(sampler);
      hash.update(whole.body);
      received = whole.body.length;
      const { digest, waits } = await poured!;
      assert.ok(whole.isWhole);
      assert.equal(received, Math.ceil(bodyBytes / pieceBytes) * pieceBytes);
      assert.equal(hash.digest('hex'), digest);
      assert.ok(waits > 0, 'the upstream was paused');
      assert.ok(
        highest - before < allowedGrowthBytes,
        `grew from ${before} to ${highest} bytes for a body of ${received}`,
      );
    });
  }

  it('stops its upstream: bytes taken from the backend stay bounded while nothing is read', async () => {
    let written = 0;
    backend.answer = ({ socket }) => {
      socket.write(chunkedHead(eventStream));
      const fill = (): void => {
        while (written < 200_000_000 && socket.write(chunk(pieceOf(1)))) written += pieceBytes;
      };
      socket.on('drain', fill);
      fill();
    };
    const answer = await open(url(), { body: { model: 'm' } });
    answer.pause();
    let last = -1;
    let looks = 0;
    await eventually(
      () => written,
      () => {
        looks = written === last ? looks + 1 : 0;
        last = written;
        return written > 0 && looks >= quietLooks;
      },
    );
    // What the kernel's buffers on both connections hold, and little more.
    assert.ok(written < 40_000_000, `${written} bytes were taken`);
    answer.leave('rst');
    await eventually(
      () => backend.requests.at(-1)?.socket.destroyed,
      (isClosed) => isClosed === true,
    );
    assert.equal(await node.metric('fxn_upstream_in_flight_requests'), 0);
  });

  it('does no harm when its upstream breaks off meanwhile', async () => {
    for (const more of ['', 'Connection: close\r\n']) {
      for (const end of [
        (socket: Socket) => socket.resetAndDestroy(),
        (socket: Socket) => socket.end(),
        (socket: Socket) => socket.destroy(),
      ]) {
        for (const size of [100_000, 1_000_000, 3_000_000, 8_000_000]) {
          backend.answer = ({ socket }) => {
            socket.write(chunkedHead(eventStream, '200 OK', more));
            socket.write(chunk(Buffer.alloc(size, 'x')));
            setTimeout(end, 20, socket);
          };
          const answer = await open(url(), { body: { model: 'm' } });
          answer.pause();
          await new Promise((resolve) => setTimeout(resolve, 40));
          answer.resume();
          const whole = await answer.end();
          assert.ok(!whole.isWhole, 'it never looks complete');
        }
      }
    }
    assert.equal(await node.metric('fxn_thread_restarts_total', { thread: 'front' }), undefined);
  });

  it('does no harm when it leaves while it is behind', async () => {
    for (const more of ['', 'Connection: close\r\n']) {
      for (const how of ['fin', 'rst'] as const) {
        backend.answer = ({ socket }) => {
          socket.write(chunkedHead(eventStream, '200 OK', more));
          socket.write(chunk(Buffer.alloc(8_000_000, 'x')));
        };
        const answer = await open(url(), { body: { model: 'm' } });
        answer.pause();
        await new Promise((resolve) => setTimeout(resolve, 40));
        answer.leave(how);
        await eventually(
          () => node.metric('fxn_http_in_flight_requests'),
          (inFlight) => inFlight === 0,
        );
      }
    }
    assert.equal(await node.metric('fxn_thread_restarts_total', { thread: 'front' }), undefined);
  });
});

/** Comments that keep a quiet stream alive: nothing else about the stream may change. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI from 'openai';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { type Answer, open, send } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  closeHead,
  eventStream,
  jsonType,
  lastChunk,
  lengthHead,
  type RawBackend,
  startRawBackend,
} from '../support/rawBackend.js';
import { chatFrame, doneFrame } from '../support/testBackend.js';
import type { TestNode } from '../support/testNode.js';

const comment = ': keepalive\n\n';
const usageFrame =
  'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n';
/** Several comments' time. */
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

describe('keep-alive comments', () => {
  let backend: RawBackend;
  let node: TestNode;
  let impatient: TestNode;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    const modelBackends = {
      models: [
        { name: 'm', backends: [{ url: backend.url }] },
        { name: 'mapped', backends: [{ url: backend.url, model: 'm' }] },
      ],
    };
    const proxy = { keepAliveComments: '40ms' };
    [node, impatient] = await Promise.all([
      startBypassNode({ modelBackends, config: { proxy } }),
      startBypassNode({ modelBackends, config: { proxy: { ...proxy, idleTimeout: '1s' } } }),
    ]);
  });
  after(async () => {
    await Promise.all([node?.close(), impatient?.close()]);
    await backend?.close();
  });

  const url = (on = node): string => `${on.url}/v1/chat/completions`;
  const withUsage = { model: 'm', stream: true, stream_options: { include_usage: true } };
  const hidden = { model: 'm', stream: true };
  /** Sends the pieces with silences between. */
  const pace = (...pieces: readonly string[]): void => {
    backend.answer = async ({ socket }) => {
      socket.write(chunkedHead(eventStream));
      for (const piece of pieces) {
        socket.write(chunk(piece));
        await quiet();
      }
      socket.write(lastChunk);
    };
  };
  const parted = (answer: Answer): { comments: number; rest: string } => ({
    comments: answer.text.split(comment).length - 1,
    rest: answer.text.replaceAll(comment, ''),
  });

  it('stay out of a compressed stream, as does the error of one that breaks off', async () => {
    // Ends like a frame, which compressed bytes may do anywhere.
    const first = Buffer.from([0x1f, 0x8b, 0x0a, 0x0a]);
    const second = Buffer.from([0xff, 0xfe]);
    const zipped = chunkedHead(eventStream, '200 OK', 'Content-Encoding: gzip\r\n');
    backend.answer = async ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(zipped), chunk(first)]));
      await quiet();
      socket.write(Buffer.concat([chunk(second), Buffer.from(lastChunk)]));
    };
    const whole = await send(url(), { body: hidden });
    assert.deepEqual([whole.isWhole, whole.body], [true, Buffer.concat([first, second])]);
    backend.answer = async ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(zipped), chunk(first)]));
      await quiet();
      socket.destroy();
    };
    const cut = await send(url(), { body: hidden });
    assert.deepEqual([cut.isWhole, cut.body], [false, first]);
  });

  for (const body of [withUsage, hidden, { ...hidden, model: 'mapped' }]) {
    it(`stand between the frames of a quiet stream, and all else is the same bytes: ${JSON.stringify(body)}`, async () => {
      const frames = [chatFrame(body.model, 'a'), 'data: 1\r\n\r\n', 'data: 2\r\r', doneFrame];
      pace(...frames);
      const answer = await send(url(), { body });
      const { comments, rest } = parted(answer);
      assert.ok(answer.isWhole);
      assert.equal(rest, frames.join(''));
      assert.ok(comments >= frames.length, `${comments} comments`);
      for (const before of answer.text.split(comment).slice(0, -1)) {
        assert.match(before, /^$|\n\n$|\r\n\r\n$|\r\r$/);
      }
    });
  }

  it('never stand inside a frame', async () => {
    pace('data: {"a"', ':1}\n', '\ndata: 2\n\n');
    const answer = await send(url(), { body: withUsage });
    assert.ok(answer.text.startsWith('data: {"a":1}\n\ndata: 2\n\n'), answer.text);
    assert.ok(parted(answer).comments > 0);
  });

  it('do not begin an answer, so that one that fails keeps its status', async () => {
    for (const frames of ['', usageFrame]) {
      backend.answer = async ({ socket }) => {
        socket.write(chunkedHead(eventStream));
        if (frames !== '') socket.write(chunk(frames));
        await quiet();
        socket.destroy();
      };
      const answer = await send(url(), { body: hidden });
      assert.equal(answer.status, 502);
    }
  });

  it('are no first token', async () => {
    backend.answer = async ({ socket }) => {
      socket.write(chunkedHead(eventStream));
      await quiet();
      socket.write(chunk(doneFrame) + lastChunk);
    };
    const answer = await send(url(), { body: hidden });
    assert.equal(answer.text, doneFrame);
  });

  it('are not sent in an answer of one piece', async () => {
    backend.answer = async ({ socket }) => {
      socket.write(`${lengthHead(jsonType, 8)}{"a"`);
      await quiet();
      socket.write(': 1}');
    };
    assert.equal((await send(url(), { body: { model: 'm' } })).text, '{"a": 1}');
  });

  it('do not make a cut stream look whole, nor its backend look alive', async () => {
    backend.answer = async ({ socket }) => {
      socket.write(closeHead(eventStream) + chatFrame('m', 'a'));
      await quiet();
      socket.end();
    };
    const closed = await send(url(), { body: hidden });
    assert.ok(!closed.isWhole);
    assert.match(parted(closed).rest, /"code":"upstream_reset"\}\}\n\n$/);

    backend.answer = ({ socket }) =>
      socket.write(chunkedHead(eventStream) + chunk(chatFrame('m', 'a')).toString());
    const silent = await send(url(impatient), { body: hidden });
    assert.ok(!silent.isWhole);
    assert.ok(parted(silent).comments > 5);
    assert.match(parted(silent).rest, /"code":"upstream_timeout"\}\}\n\n$/);
  });

  it('come again once a client that was behind has caught up', async () => {
    // Sent frame by frame, each more than the kernel takes at once, the last one too.
    const flood = `data: ${'y'.repeat(900_000)}\n\n`;
    backend.answer = ({ socket }) => {
      socket.write(chunkedHead(eventStream));
      for (let sent = 0; sent < 9_000_000; sent += flood.length) socket.write(chunk(flood));
    };
    const answer = await open(url(), { body: hidden });
    answer.pause();
    await quiet();
    answer.resume();
    await eventually(
      () =>
        answer.received().length > 10 * flood.length &&
        answer.received().subarray(-comment.length).toString(),
      (end) => end === comment,
    );
    backend.requests.at(-1)?.socket.write(lastChunk);
    const whole = await answer.end();
    assert.ok(whole.isWhole);
    assert.ok(parted(whole).rest === flood.repeat(10));
  });

  it('stop when the client leaves', async () => {
    backend.answer = ({ socket }) =>
      socket.write(chunkedHead(eventStream) + chunk(chatFrame('m', 'a')).toString());
    const answer = await open(url(), { body: hidden });
    await answer.readUntil(comment);
    answer.leave('rst');
    await eventually(
      () => node.metric('fxn_http_in_flight_requests'),
      (count) => count === 0,
    );
    assert.equal(await node.metric('fxn_handler_faults_total'), 0);
  });

  it('are nothing to the official client, with its usage or without', async () => {
    const client = new OpenAI({ apiKey: 'unused', baseURL: `${node.url}/v1`, maxRetries: 0 });
    pace(chatFrame('m', 'Hello'), chatFrame('m', ' wörld'), usageFrame, doneFrame);
    for (const asked of [undefined, { include_usage: true }]) {
      const stream = await client.chat.completions.create({
        model: 'm',
        stream: true,
        messages: [{ role: 'user', content: 'Hi' }],
        ...(asked === undefined ? {} : { stream_options: asked }),
      });
      const words: string[] = [];
      const totals: number[] = [];
      for await (const { choices, usage } of stream) {
        if (choices[0] !== undefined) words.push(choices[0].delta.content ?? '');
        if (usage) totals.push(usage.total_tokens);
      }
      assert.deepEqual(words, ['Hello', ' wörld']);
      assert.deepEqual(totals, asked === undefined ? [] : [3]);
    }
  });
});

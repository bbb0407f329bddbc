/** Tokens as the metrics tell them, however an answer ends; and streams from which nothing is missing but our frame. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { propertyRuns } from '../runs.js';
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
import type { TestNode } from '../support/testNode.js';

const publicName = 'public/näme';
const backendName = 'hf-quantised';
const text = (model: string, content: string, more = ''): string =>
  `data: {"model":${JSON.stringify(model)},"choices":[{"delta":{"content":${JSON.stringify(content)}}}]${more}}\n\n`;
const usageFrame = (model: string): string =>
  `data: {"model":${JSON.stringify(model)},"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}\n\n`;
const done = 'data: [DONE]\n\n';

interface Counts {
  readonly input: number;
  readonly output: number;
  readonly estimatedInput: number;
  readonly estimatedOutput: number;
}
const nothing: Counts = { input: 0, output: 0, estimatedInput: 0, estimatedOutput: 0 };

describe('token usage', () => {
  let backend: RawBackend;
  let node: TestNode;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    node = await startBypassNode({
      modelBackends: {
        models: [
          { name: 'm', backends: [{ url: backend.url, backendProvider: 'vllm' }] },
          {
            name: publicName,
            backends: [{ url: backend.url, model: backendName, backendProvider: 'sglang' }],
          },
        ],
      },
      config: { node: { listenPort: 0, threads: 1 }, proxy: { passThrough: true } },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const chatPath = '/v1/chat/completions';
  const tokens = async (type: string, estimated: boolean): Promise<number> =>
    (await node.metric('fxn_tokens_total', { type, estimated: String(estimated) })) ?? 0;
  const counts = async (): Promise<Counts> => ({
    input: await tokens('input', false),
    output: await tokens('output', false),
    estimatedInput: await tokens('input', true),
    estimatedOutput: await tokens('output', true),
  });
  /** What the metrics say more than before, once the request is recorded. */
  const counted = async (step: () => Promise<unknown>): Promise<Counts> => {
    const before = await counts();
    const answered = async (): Promise<number> =>
      (await node.metric('gen_ai_server_request_duration_seconds_count')) ?? 0;
    const recorded = await answered();
    await step();
    await eventually(answered, (now) => now > recorded);
    const after = await counts();
    return {
      input: after.input - before.input,
      output: after.output - before.output,
      estimatedInput: after.estimatedInput - before.estimatedInput,
      estimatedOutput: after.estimatedOutput - before.estimatedOutput,
    };
  };
  const stream = (model: string, options?: object) => ({
    model,
    stream: true,
    ...(options === undefined ? {} : { stream_options: options }),
  });
  const ask = (body: object, path = chatPath): Promise<Answer> => send(`${node.url}${path}`, { body });
  const inputGuess = (body: object): number => Math.ceil(JSON.stringify(body).length / 4);
  const answerWith = (type: string, ...pieces: readonly string[]): void => {
    backend.answer = ({ socket }) => {
      socket.write(chunkedHead(type) + pieces.map((piece) => chunk(piece).toString()).join('') + lastChunk);
    };
  };
  const sentUp = (): unknown => JSON.parse(backend.requests.at(-1)!.body.toString());

  it('is asked of the backend and hidden from a caller that did not ask', async () => {
    answerWith(eventStream, text('m', 'a'), text('m', 'b', ',"usage":null'), usageFrame('m'), done);
    for (const options of [undefined, { include_usage: false }, { continuous_usage_stats: false }]) {
      const before = stream('m', options);
      assert.deepEqual(
        await counted(async () => {
          const answer = await ask(before);
          assert.equal(answer.text, text('m', 'a') + text('m', 'b', ',"usage":null') + done);
          assert.ok(answer.isWhole);
        }),
        { ...nothing, input: 11, output: 3 },
      );
      assert.deepEqual(sentUp(), { ...before, stream_options: { ...options, include_usage: true } });
    }
  });

  it('passes to a caller that asked, whose body goes up as it is', async () => {
    const bytes = text('m', 'a') + usageFrame('m') + done;
    answerWith(eventStream, bytes);
    const body = stream('m', { include_usage: true, continuous_usage_stats: true });
    assert.deepEqual(await counted(async () => assert.equal((await ask(body)).text, bytes)), {
      ...nothing,
      input: 11,
      output: 3,
    });
    assert.equal(backend.requests.at(-1)?.body.toString(), JSON.stringify(body));
  });

  it('is hidden from a stream whose model is mapped too', async () => {
    answerWith(eventStream, text(backendName, 'a'), usageFrame(backendName), done);
    const answer = await ask(stream(publicName), '/v1/completions');
    assert.equal(answer.text, text(publicName, 'a') + done);
    assert.deepEqual(sentUp(), { ...stream(backendName), stream_options: { include_usage: true } });
  });

  it('is hidden when the stream is nothing else, or ends with it and without a blank line', async () => {
    answerWith(eventStream, usageFrame('m'));
    const empty = await ask(stream('m'));
    assert.deepEqual([empty.status, empty.text, empty.isWhole], [200, '', true]);
    answerWith(eventStream, text('m', 'a'), usageFrame('m').trimEnd());
    assert.equal((await ask(stream('m'))).text, text('m', 'a'));
  });

  it('is not asked for where there is no such option', async () => {
    answerWith(jsonType, '{}');
    for (const [path, body] of [
      ['/v1/embeddings', { model: 'm', stream: true }],
      ['/v1/responses', { model: 'm', stream: true }],
      [chatPath, { model: 'm', stream: false, stream_options: { include_usage: false } }],
    ] as const) {
      await ask(body, path);
      assert.deepEqual(sentUp(), body, path);
    }
  });

  it('refuses a body that a backend could read otherwise, without asking it', async () => {
    const asked = backend.requests.length;
    for (const body of [
      '{"model":"m","stream":true,"stream":false}',
      '{"model":"m","stream_options":{},"Stream_Options":{}}',
    ]) {
      const answer = await send(`${node.url}${chatPath}`, { body });
      assert.equal(answer.status, 400);
      assert.equal((JSON.parse(answer.text) as { error: { code: string } }).error.code, 'invalid_request');
    }
    assert.equal(backend.requests.length, asked);
  });

  it('is estimated from the frames when the upstream cuts the stream', async () => {
    for (const options of [undefined, { include_usage: true }]) {
      backend.answer = ({ socket }) => {
        socket.write(
          chunkedHead(eventStream) + chunk(text('m', 'a')).toString() + chunk(text('m', 'b')).toString(),
        );
        setTimeout(() => socket.resetAndDestroy(), 30);
      };
      const body = stream('m', options);
      const cuts = async (): Promise<number> =>
        (await node.metric('fxn_streams_total', { model: 'm', end: 'cut' })) ?? 0;
      const before = await cuts();
      assert.deepEqual(await counted(async () => assert.ok(!(await ask(body)).isWhole)), {
        ...nothing,
        estimatedInput: inputGuess(body),
        estimatedOutput: 2,
      });
      assert.equal(await cuts(), before + 1);
    }
  });

  it('is estimated from the frames when the client leaves', async () => {
    for (const how of ['fin', 'rst'] as const) {
      backend.answer = ({ socket }) => {
        socket.write(
          chunkedHead(eventStream) + chunk(text('m', 'a') + text('m', 'b') + text('m', 'c')).toString(),
        );
      };
      const body = stream('m');
      assert.deepEqual(
        await counted(async () => {
          const answer = await open(`${node.url}${chatPath}`, { body });
          await answer.readUntil('"c"');
          answer.leave(how);
        }),
        { ...nothing, estimatedInput: inputGuess(body), estimatedOutput: 3 },
      );
    }
    assert.equal(await node.metric('fxn_streams_total', { model: 'm', end: 'client_closed' }), 2);
  });

  it('is what the backend said last when a stream with running counts is left', async () => {
    const running = (content: string, output: number): string =>
      text('m', content, `,"usage":{"prompt_tokens":5,"completion_tokens":${output}}`);
    backend.answer = ({ socket }) => {
      socket.write(chunkedHead(eventStream) + chunk(running('a', 1) + running('b', 4)).toString());
    };
    assert.deepEqual(
      await counted(async () => {
        const answer = await open(`${node.url}${chatPath}`, {
          body: stream('m', { include_usage: true, continuous_usage_stats: true }),
        });
        await answer.readUntil('"b"');
        answer.leave('rst');
      }),
      { ...nothing, input: 5, output: 4 },
    );
  });

  it('is read from a JSON answer, mapped or not, and input only of embeddings', async () => {
    const usage = '"usage":{"prompt_tokens":21,"completion_tokens":8,"total_tokens":29}';
    answerWith(jsonType, '{"choices":[{"usage":{"prompt_tokens":1}}],"us', `age":${usage.slice(8)},"z":1}`);
    for (const model of ['m', publicName]) {
      assert.deepEqual(await counted(() => ask({ model })), { ...nothing, input: 21, output: 8 });
    }
    answerWith(jsonType, '{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":6,"total_tokens":6}}');
    assert.deepEqual(await counted(() => ask({ model: 'm', input: 'x' }, '/v1/embeddings')), {
      ...nothing,
      input: 6,
    });
    answerWith(jsonType, '{"output":[],"usage":{"input_tokens":31,"output_tokens":32}}');
    assert.deepEqual(await counted(() => ask({ model: 'm' }, '/v1/responses')), {
      ...nothing,
      input: 31,
      output: 32,
    });
  });

  it('is estimated from the bytes of an answer that does not say, or that is compressed', async () => {
    const body = { model: 'm' };
    answerWith(jsonType, '{"choices":[1,2]}');
    const guess = { ...nothing, estimatedInput: inputGuess(body), estimatedOutput: 5 };
    assert.deepEqual(await counted(() => ask(body)), guess);
    const encoded = '{"usage":{"prompt_tokens":1,"completion_tokens":1}}';
    backend.answer = ({ socket }) => {
      socket.write(lengthHead(jsonType, encoded.length, 'Content-Encoding: gzip\r\n') + encoded);
    };
    assert.deepEqual(await counted(() => ask(body)), {
      ...guess,
      estimatedOutput: Math.ceil(encoded.length / 4),
    });
  });

  it('is nothing where nothing was served', async () => {
    const usage = '{"error":{"message":"x"},"usage":{"prompt_tokens":1,"completion_tokens":1}}';
    for (const status of [
      '400 Bad Request',
      '429 Too Many Requests',
      '500 Internal Server Error',
      '401 Unauthorized',
    ]) {
      backend.answer = ({ socket }) =>
        socket.write(chunkedHead(jsonType, status) + chunk(usage).toString() + lastChunk);
      assert.deepEqual(await counted(() => ask({ model: 'm' })), nothing, status);
    }
    backend.answer = ({ socket }) => {
      socket.write(chunkedHead(eventStream));
      setTimeout(() => socket.destroy(), 30);
    };
    assert.deepEqual(await counted(() => ask(stream('m'))), nothing, 'cut before the first byte');
    backend.answer = ({ socket }) => socket.end(closeHead(jsonType));
    assert.deepEqual(
      await counted(async () => assert.equal((await ask({ model: 'm' })).status, 502)),
      nothing,
    );
  });

  it('is told under the names and labels of OpenTelemetry', async () => {
    answerWith(eventStream, text('m', 'a'), text('m', 'b'), usageFrame('m'), done);
    const labels = { gen_ai_operation_name: 'chat', gen_ai_request_model: 'm', gen_ai_provider_name: 'vllm' };
    const names = [
      ['gen_ai_server_request_duration_seconds_count', { ...labels, error_type: '' }],
      ['gen_ai_server_time_to_first_token_seconds_count', { ...labels, endpoint: chatPath }],
      ['gen_ai_server_time_per_output_token_seconds_count', labels],
      ['gen_ai_client_token_usage_count', { ...labels, gen_ai_token_type: 'input' }],
      ['gen_ai_client_token_usage_count', { ...labels, gen_ai_token_type: 'output' }],
      ['fxn_streams_total', { model: 'm', end: 'complete' }],
    ] as const;
    const read = () =>
      Promise.all(names.map(async ([name, wanted]) => (await node.metric(name, wanted)) ?? 0));
    const before = await read();
    await counted(() => ask(stream('m')));
    assert.deepEqual(
      await read(),
      before.map((value) => value + 1),
    );
    const failed = { ...labels, error_type: '400' };
    assert.equal(await node.metric('gen_ai_server_request_duration_seconds_count', failed), 1);
    const inputs = { ...labels, gen_ai_token_type: 'input' };
    const below = (le: string) => node.metric('gen_ai_client_token_usage_bucket', { ...inputs, le });
    assert.equal(await below('1'), 0);
    assert.ok((await below('16'))! > 0, 'eleven tokens');
    const { text: page } = await send(`${node.adminUrl}/metrics`);
    for (const le of ['81.92', '67108864', '0.001', '2.5']) assert.ok(page.includes(`le="${le}"`), le);
  });

  it('costs no memory in an answer of 100 MB that has it at its end', async () => {
    const residentBytes = (): number =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]) * 1_024;
    const floats = Buffer.from(`${'[0.0123456789,-1.5e-3],'.repeat(40_000)}"text \\" [{",`);
    const pieces = Math.ceil(100_000_000 / floats.length);
    const head = '{"data":[';
    const tail = '0],"usage":{"prompt_tokens":77,"total_tokens":77}}';
    const pour = async (): Promise<void> => {
      const { socket } = backend.requests.at(-1)!;
      socket.write(lengthHead(jsonType, head.length + pieces * floats.length + tail.length) + head);
      for (let index = 0; index < pieces; index++) {
        if (!socket.write(floats)) await once(socket, 'drain');
      }
      socket.write(tail);
    };
    backend.answer = () => void pour();
    const body = { model: 'm', input: 'x' };
    await ask(body, '/v1/embeddings');
    const before = residentBytes();
    let highest = before;
    const timer = setInterval(() => {
      highest = Math.max(highest, residentBytes());
    }, 20);
    const more = await counted(async () => assert.ok((await ask(body, '/v1/embeddings')).isWhole));
    clearInterval(timer);
    assert.deepEqual(more, { ...nothing, input: 77 });
    assert.ok(highest - before < 50_000_000, `grew from ${before} to ${highest} bytes`);
  });

  /** Frames of every kind; of those for the node alone the caller sees nothing. */
  const anyFrame = fc.constantFrom(
    (model: string) => text(model, 'a'),
    (model: string) => text(model, 'wörld 🎉 \\"usage\\":{', ',"usage":null').replaceAll('\n', '\r\n'),
    () => ': comment\n\n',
    (model: string) => `event: x\ndata: {"model":${JSON.stringify(model)},\ndata: "n":1.0e2}\n\n`,
    (model: string) => text(model, 'r').replaceAll('\n', '\r'),
    () => done,
    usageFrame,
  );
  for (const [kind, model, upName, options] of [
    ['plain', 'm', 'm', { include_usage: true }],
    ['renamed', publicName, backendName, { include_usage: true }],
    ['with its usage hidden', 'm', 'm', undefined],
    ['renamed with its usage hidden', publicName, backendName, undefined],
  ] as const) {
    it(`passes streams byte for byte over real sockets, wherever they are split: ${kind}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyFrame, { minLength: 1, maxLength: 8 }),
          fc.array(fc.nat(10_000), { maxLength: 6 }),
          async (frames, places) => {
            const bytes = Buffer.from(frames.map((make) => make(upName)).join(''));
            const expected = frames
              .filter((make) => options !== undefined || make !== usageFrame)
              .map((make) => make(model))
              .join('');
            const cuts = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
            backend.answer = async ({ socket }) => {
              socket.write(chunkedHead(eventStream));
              for (const [index, from] of [0, ...cuts].entries()) {
                const piece = bytes.subarray(from, cuts[index] ?? bytes.length);
                if (piece.length > 0) socket.write(chunk(piece));
                await new Promise((resolve) => setImmediate(resolve));
              }
              socket.write(lastChunk);
            };
            const answer = await ask(stream(model, options));
            assert.equal(answer.text, expected);
            assert.ok(answer.isWhole);
          },
        ),
        { numRuns: propertyRuns(10_000) },
      );
    });
  }
});

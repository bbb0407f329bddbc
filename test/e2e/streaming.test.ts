/** Bodies on their way back, byte for byte: unmapped ones untouched, mapped ones but for the model's name. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { propertyRuns } from '../runs.js';
import { startBypassNode } from '../support/bypassNode.js';
import { type Answer, type OpenAnswer, open, send } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  closeHead,
  eventStream,
  jsonType,
  lastChunk,
  lengthHead,
  type RawBackend,
  type RawRequest,
  startRawBackend,
} from '../support/rawBackend.js';
import type { TestNode } from '../support/testNode.js';

/** Needs escaping in JSON, so that a name pasted in unescaped would show. */
const publicName = 'öffentlich/"name"';
const publicJson = JSON.stringify(publicName);
const backendName = 'hf-quantised';

/** Everything the grammar of event streams allows and no client of ours would send. */
const oddStream = (model: string): string =>
  [
    '\uFEFF: a comment before anything\n\n',
    `id: 7\nevent: delta\nretry: 100\nx-unknown: kept\ndata: {"model":${model},"c":"wörld 🎉"}\n\n`,
    ': keepalive\r\n\r\n',
    `data:{ "choices" : [ {"delta":{"model":"nested","content":"\\ud83c\\udf89"}} ],\t"mod\\u0065l" :${model} , "n":1e+05 }\r\n\r\n`,
    `data: {"a":1,\ndata:  "model": ${model},\ndata: "b":2}\n\n`,
    'data\n\n',
    `data: {"model":${model}}\r\rdata: not json {"model":"hf-quantised"\n\n`,
    'data: [DONE]\n\n',
    ': after the end\n\n',
  ].join('');

/** Spacing, key order, escapes and numbers that a parser would not give back. */
const oddJson = (model: string): string =>
  `\n{ "x":{"model":"hf-quantised","d":[{"model":"hf-quantised"}]} ,\r\n\t"n":1.0e+2,"big":12345678901234567890, "mod\\u0065l"\t:\n${model},"s":"\\/ \\u00fc ü 🎉 \\"model\\":\\"hf-quantised\\"","":null}\n`;

/** `bytes` cut at the given places, wherever they fall. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => bytes.subarray(from, cuts[index] ?? bytes.length));
}

/** Writes piece after piece, each in a packet of its own as far as the kernel plays along. */
async function writePieces({ socket }: RawRequest, pieces: readonly (string | Buffer)[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const places = fc.array(fc.nat(10_000), { maxLength: 12 });

describe('streaming', () => {
  let backend: RawBackend;
  let node: TestNode;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    node = await startBypassNode({
      modelBackends: {
        models: [
          { name: 'plain', backends: [{ url: backend.url }] },
          { name: publicName, backends: [{ url: backend.url, model: backendName }] },
        ],
      },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const chat = (model: string) => ({ body: { model, stream: true } });
  /** The caller takes the token counts itself, so that nothing in the stream is the node's. */
  const chatWithUsage = (model: string) => ({
    body: { model, stream: true, stream_options: { include_usage: true } },
  });
  const chatUrl = (): string => `${node.url}/v1/chat/completions`;

  /** Sends a body in the given pieces as chunks and returns what the caller got. */
  const relay = async (
    model: string,
    type: string,
    pieces: readonly Buffer[],
    framing: 'chunked' | 'length' | 'close' = 'chunked',
    request = chat(model),
  ): Promise<Answer> => {
    backend.answer = (request) => {
      const filled = pieces.filter((piece) => piece.length > 0);
      const length = Buffer.concat(filled).length;
      if (framing === 'chunked') {
        void writePieces(request, [chunkedHead(type), ...filled.map(chunk), lastChunk]);
      } else if (framing === 'length') void writePieces(request, [lengthHead(type, length), ...filled]);
      else void writePieces(request, [closeHead(type), ...filled]).then(() => request.socket.end());
    };
    return send(chatUrl(), request);
  };

  it('passes an event stream byte for byte, wherever it is split', async () => {
    const bytes = Buffer.from(oddStream('"plain"'));
    await fc.assert(
      fc.asyncProperty(places, async (cuts) => {
        const answer = await relay('plain', eventStream, cutAt(bytes, cuts));
        assert.equal(answer.text, bytes.toString());
        assert.ok(answer.isWhole);
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('passes a JSON answer byte for byte, with and without an announced length', async () => {
    const bytes = Buffer.from(oddJson('"anything"'));
    await fc.assert(
      fc.asyncProperty(places, fc.constantFrom('chunked', 'length', 'close'), async (cuts, framing) => {
        const answer = await relay('plain', jsonType, cutAt(bytes, cuts), framing);
        assert.equal(answer.text, bytes.toString());
        assert.ok(answer.isWhole);
        if (framing === 'length') assert.equal(answer.headers['content-length'], String(bytes.length));
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('changes nothing but the top-level model in a mapped JSON answer (the Go node: a regex over the body)', async () => {
    const bytes = Buffer.from(oddJson('"hf-qu\\u0061ntised"'));
    await fc.assert(
      fc.asyncProperty(places, fc.constantFrom('chunked', 'length', 'close'), async (cuts, framing) => {
        const answer = await relay(publicName, jsonType, cutAt(bytes, cuts), framing);
        assert.equal(answer.text, oddJson(publicJson));
        assert.ok(answer.isWhole);
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('changes nothing but the top-level model in each frame of a mapped stream', async () => {
    const bytes = Buffer.from(oddStream('"hf-quantised"'));
    await fc.assert(
      fc.asyncProperty(places, async (cuts) => {
        const answer = await relay(publicName, eventStream, cutAt(bytes, cuts));
        assert.equal(answer.text, oddStream(publicJson));
        assert.ok(answer.isWhole);
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  for (const model of ['plain', publicName]) {
    it(`hands each frame on before the next is written: ${model} (the Go node: all tokens at the end)`, async () => {
      let opened: OpenAnswer | undefined;
      const written = new Promise<void>((resolve, reject) => {
        backend.answer = ({ socket }) => {
          const pace = async (): Promise<void> => {
            // The head waits for the first byte of the body, so the first frame goes with it.
            socket.write(chunkedHead(eventStream));
            for (let index = 0; index < 50; index++) {
              socket.write(chunk(`data: {"model":"${backendName}","index":${index}}\n\n`));
              opened ??= await pending;
              await opened.readUntil(`"index":${index}}\n\n`);
            }
            socket.write(lastChunk);
          };
          pace().then(resolve, reject);
        };
      });
      const pending = open(chatUrl(), chat(model));
      const answer = await (await pending).end();
      await written;
      assert.ok(answer.isWhole);
      assert.equal(answer.text.match(/"index"/g)?.length, 50);
    });
  }

  it('hands pieces of a frame on before its end when no name is mapped and nothing hidden', async () => {
    backend.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('data: {"half')]));
    };
    const answer = await open(chatUrl(), chatWithUsage('plain'));
    await answer.readUntil('{"half');
    backend.requests.at(-1)?.socket.write(Buffer.concat([chunk('":1}\n\n'), Buffer.from(lastChunk)]));
    assert.equal((await answer.end()).text, 'data: {"half":1}\n\n');
  });

  it('passes a framed stream that ends without [DONE]', async () => {
    const bytes = Buffer.from('data: {"model":"m"}\n\n');
    const answer = await relay('plain', eventStream, [bytes]);
    assert.ok(answer.isWhole);
    assert.equal(answer.text, bytes.toString());
  });

  it('passes a last frame without its blank line', async () => {
    const answer = await relay(publicName, eventStream, [Buffer.from('data: {"model":"x"}')]);
    assert.ok(answer.isWhole);
    assert.equal(answer.text, `data: {"model":${publicJson}}`);
  });

  it('passes a stream that only the closing connection ends when it has its [DONE]', async () => {
    const bytes = Buffer.from('data: {"a":1}\n\ndata: [DONE]\n\n');
    for (const at of [0, 20, 22, 25]) {
      const answer = await relay('plain', eventStream, cutAt(bytes, [at]), 'close');
      assert.ok(answer.isWhole, `split at ${at}`);
      assert.equal(answer.text, bytes.toString());
    }
  });

  it('cuts a stream that only the closing connection ends when it lacks [DONE]', async () => {
    const answer = await relay('plain', eventStream, [Buffer.from('data: {"a":1}\n\n')], 'close');
    assert.ok(!answer.isWhole);
    assert.match(answer.text, /^data: \{"a":1\}\n\ndata: \{"error":\{.*"code":"upstream_reset"\}\}\n\n$/);
  });

  it('cuts a JSON answer that only the closing connection ends when it is half an object', async () => {
    const answer = await relay('plain', jsonType, [Buffer.from('{"a":{"b":1}')], 'close');
    assert.ok(!answer.isWhole);
    assert.equal(answer.text, '{"a":{"b":1}');
  });

  it('maps the name in a frame of just under 1 MiB and cuts a longer one', async () => {
    const frame = (bytes: number): Buffer => {
      const head = `data: {"model":"${backendName}","x":"`;
      return Buffer.from(`${head}${'y'.repeat(bytes - head.length - 4)}"}\n\n`);
    };
    const short = await relay(publicName, eventStream, cutAt(frame(1_048_576), [500_000, 1_000_000]));
    assert.ok(short.isWhole);
    assert.equal(short.text, frame(1_048_576).toString().replace(`"${backendName}"`, publicJson));
    const long = await relay(publicName, eventStream, [Buffer.from('data: 1\n\n'), frame(2_000_000)]);
    assert.ok(!long.isWhole);
    assert.match(long.text, /^data: 1\n\ndata: \{"error":.*"upstream_reset"\}\}\n\n$/);
  });

  it('passes a frame of any length when no name is mapped and nothing hidden', async () => {
    const frame = Buffer.from(`data: ${'z'.repeat(3_000_000)}\n\n`);
    const answer = await relay('plain', eventStream, [frame], 'chunked', chatWithUsage('plain'));
    assert.ok(answer.isWhole);
    assert.ok(answer.body.equals(frame));
  });

  it('passes an encoded body as it is, although the name is mapped', async () => {
    const bytes = Buffer.from('not really gzip "model":"hf-quantised"');
    backend.answer = ({ socket }) => {
      socket.write(lengthHead(jsonType, bytes.length, 'Content-Encoding: gzip\r\n'));
      socket.write(bytes);
    };
    const answer = await send(chatUrl(), chat(publicName));
    assert.equal(answer.headers['content-encoding'], 'gzip');
    assert.ok(answer.body.equals(bytes));
  });

  it('passes an empty answer', async () => {
    backend.answer = ({ socket }) => socket.write(lengthHead(jsonType, 0));
    const answer = await send(chatUrl(), chat('plain'));
    assert.equal(answer.status, 200);
    assert.ok(answer.isWhole);
    assert.equal(answer.body.length, 0);
  });
});

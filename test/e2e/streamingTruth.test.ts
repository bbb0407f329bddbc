/**
 * Answers whose framing lies or is unusual: none that is broken off looks complete, none that is complete is cut,
 * and no backend or caller takes a front down. Each was wrong once.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { type Answer, open, send } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  closeHead,
  eventStream,
  jsonType,
  lengthHead,
  type RawBackend,
  startRawBackend,
} from '../support/rawBackend.js';
import { openRaw, requestHead } from '../support/rawConnection.js';
import { sendRaw } from '../support/rawHttp.js';
import type { TestNode } from '../support/testNode.js';

const frame = 'data: {"model":"m","n":1}\n\n';
const doneFrame = 'data: [DONE]\n\n';

describe('answers with unusual framing', () => {
  let backend: RawBackend;
  let node: TestNode;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    node = await startBypassNode({
      modelBackends: {
        default: 'm',
        models: [
          { name: 'm', backends: [{ url: backend.url }] },
          { name: 'mapped', backends: [{ url: backend.url, model: 'm' }] },
        ],
      },
      config: { proxy: { totalTimeout: '1500ms', idleConnTimeout: '0s', passThrough: true } },
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const url = (): string => `${node.url}/v1/chat/completions`;
  const ask = (model = 'm'): Promise<Answer> => send(url(), { body: { model, stream: true } });
  const counted = async (kind: string): Promise<number> =>
    (await node.metric('fxn_upstream_errors_total', { kind })) ?? 0;

  it('an event stream with an announced length that breaks off is not filled up by the error frame', async () => {
    backend.answer = ({ socket }) => {
      socket.write(`${lengthHead(eventStream, frame.length + 10)}${frame}`);
      setTimeout(() => socket.destroy(), 30);
    };
    const answer = await ask();
    assert.ok(!answer.isWhole);
    assert.ok(answer.text.startsWith(frame) && answer.text.includes('"upstream_reset"'), answer.text);
  });

  it('an event stream with an announced length that is whole stays whole', async () => {
    backend.answer = ({ socket }) => socket.write(`${lengthHead(eventStream, frame.length)}${frame}`);
    const answer = await ask();
    assert.deepEqual([answer.isWhole, answer.text], [true, frame]);
  });

  it('a timeout while the caller does not read ends that answer and no front', async () => {
    backend.answer = ({ socket }) => {
      socket.write(lengthHead(eventStream, 1_000_000_000));
      const filler = `data: ${'x'.repeat(65_536)}\n\n`;
      const fill = (): void => {
        while (!socket.destroyed && socket.write(filler));
      };
      socket.on('drain', fill);
      fill();
    };
    const before = await counted('total_timeout');
    const answer = await open(url(), { body: { model: 'm', stream: true } });
    answer.pause();
    await eventually(
      () => counted('total_timeout'),
      (count) => count === before + 1,
    );
    answer.leave('rst');
    assert.equal((await node.metric('fxn_thread_restarts_total')) ?? 0, 0);
    assert.equal((await send(`${node.url}/health`)).status, 200);
  });

  for (const coding of ['identity', 'gzip']) {
    it(`a body under Transfer-Encoding ${coding} ends with its connection, so a part of it is cut`, async () => {
      const head = (type: string): string =>
        `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
      backend.answer = ({ socket }) => socket.end(`${head(jsonType)}{"a":"trunc`);
      assert.equal((await ask()).isWhole, false);
      backend.answer = ({ socket }) => socket.end(`${head(eventStream)}${frame}`);
      assert.equal((await ask()).isWhole, false);
    });
  }

  it('the word [DONE] inside a token does not end a close-delimited stream', async () => {
    backend.answer = ({ socket }) =>
      socket.end(`${closeHead(eventStream)}data: {"c":"say [DONE] now"}\n\ndata: {"c`);
    assert.equal((await ask()).isWhole, false);
  });

  for (const model of ['m', 'mapped']) {
    it(`a last frame that comes in two pieces ends a close-delimited stream: ${model}`, async () => {
      backend.answer = ({ socket }) => {
        socket.write(`${closeHead(eventStream)}${frame}data: [DO`);
        setTimeout(() => socket.end('NE]\n\n'), 30);
      };
      const answer = await ask(model);
      assert.equal(answer.isWhole, true);
      assert.ok(answer.text.endsWith(doneFrame));
    });
  }

  it('an answer that the backend breaks off is not counted as a caller who left', async () => {
    backend.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(frame)]));
      setTimeout(() => socket.destroy(), 30);
    };
    const before = [await counted('reset'), await counted('client_closed')] as const;
    assert.equal((await ask()).isWhole, false);
    assert.deepEqual([await counted('reset'), await counted('client_closed')], [before[0] + 1, before[1]]);
  });

  it('a backend that names two content types is read by the first', async () => {
    const twice = `${eventStream}\r\nContent-Type: text/plain`;
    backend.answer = ({ socket }) => socket.write(`${lengthHead(twice, frame.length)}${frame}`);
    const answer = await ask();
    assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [200, frame, eventStream]);
  });

  it('connections are kept without a limit where idleConnTimeout is 0, as by the Go node', async () => {
    backend.answer = ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`);
    for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 200);
    assert.equal(await node.metric('fxn_upstream_in_flight_requests'), 0);
  });

  const paths = ['/v1/../admin', '/v1/%2e%2e/admin', '/v1/a/..%2fadmin', '/v1/./a'];
  // A backslash is a slash, and what follows a semicolon or a number sign no part of the segment, to some servers.
  paths.push('/v1/..\\admin', '/v1/a\\..\\..\\admin', '/v1/..;a/admin', '/v1/..%3ba/admin', '/v1/..#a');
  for (const path of paths) {
    it(`dot segments do not reach a backend: ${path}`, async () => {
      const asked = backend.requests.length;
      // As it stands: URL parsers resolve such segments before they send them.
      const { statuses, text } = await sendRaw(
        node.port,
        `GET ${path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n`,
        {
          until: (text) => text.includes('\r\n\r\n'),
        },
      );
      assert.deepEqual(statuses, [400]);
      assert.match(text, /segments/);
      assert.equal(backend.requests.length, asked);
    });
  }

  const spellings = [
    '/v1/chat%2Fcompletions',
    '/v1/%63hat/completions',
    '/v1//completions',
    '/v1/Embeddings/',
  ];
  for (const path of spellings) {
    it(`a route in another spelling is not passed through, where nobody would count its tokens: ${path}`, async () => {
      const asked = backend.requests.length;
      const body = JSON.stringify({ model: 'm', stream: true });
      const head = 'Host: node\r\nConnection: close\r\nContent-Type: application/json';
      const { statuses, text } = await sendRaw(
        node.port,
        `POST ${path} HTTP/1.1\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        { until: (received) => received.includes('\r\n\r\n{') },
      );
      assert.deepEqual(statuses, [400]);
      assert.match(text, /as it stands in the documentation/);
      assert.equal(backend.requests.length, asked);
    });
  }

  for (const [method, head] of [
    ['HEAD', `HTTP/1.1 200 OK\r\nContent-Type: ${jsonType}\r\n\r\n`],
    ['HEAD', `HTTP/1.1 200 OK\r\nContent-Type: ${eventStream}\r\n\r\n`],
    ['DELETE', `HTTP/1.1 204 No Content\r\nContent-Type: ${jsonType}\r\n\r\n`],
  ] as const) {
    it(`an answer that has no body is whole with its head: ${method} ${JSON.stringify(head)}`, async () => {
      backend.answer = ({ socket }) => socket.write(head);
      const answer = await send(`${node.url}/v1/files`, { method });
      assert.equal(answer.status, method === 'HEAD' ? 200 : 204);
      assert.ok(answer.isWhole);
    });
  }

  for (const [method, head, announced] of [
    ['HEAD', lengthHead(jsonType, 1_234), '1234'],
    ['HEAD', lengthHead(jsonType, 0), '0'],
    ['HEAD', chunkedHead(jsonType), undefined],
    ['DELETE', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', undefined],
    ['DELETE', 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
  ] as const) {
    it(`an answer that has no body announces what the backend did: ${method} ${JSON.stringify(head)}`, async () => {
      backend.answer = ({ socket }) => socket.write(head);
      const raw = await openRaw(node.port);
      raw.send(requestHead(method, '/v1/files'));
      const lengthOf = async (): Promise<string | undefined> => {
        await eventually(raw.unread, (text) => text.includes('\r\n\r\n'));
        return /\r\ncontent-length: (\d+)/i.exec(raw.unread())?.[1];
      };
      assert.equal(await lengthOf(), announced);
      // The connection goes on behind it.
      const before = raw.unread().length;
      raw.send(requestHead('GET', '/health'));
      await eventually(raw.unread, (text) => text.slice(before).includes('{"status":"ok"}'));
      assert.match(raw.unread().slice(before), /^HTTP\/1\.1 200 /);
      raw.destroy();
    });
  }

  it('methods that are not passed through are refused and open no breaker', async () => {
    backend.answer = ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`);
    const asked = backend.requests.length;
    for (const method of ['G(T', 'CONNECT', 'connect', ...Array.from({ length: 5 }, () => 'G/T')]) {
      const { statuses } = await sendRaw(node.port, `${method} /v1/files HTTP/1.1\r\nHost: node\r\n\r\n`, {
        until: (text) => text.includes('\r\n\r\n'),
      });
      assert.deepEqual(statuses, [405], method);
    }
    assert.equal(backend.requests.length, asked);
    assert.equal((await ask()).status, 200);
  });
  for (const method of ['CONNECT', 'TRACE']) {
    it(`a ${method} is not passed through, which opens a tunnel or echoes the operator's credentials`, async () => {
      const asked = backend.requests.length;
      const body = JSON.stringify({ model: 'm' });
      const head = 'Host: node\r\nConnection: close\r\nContent-Type: application/json';
      const { statuses } = await sendRaw(
        node.port,
        `${method} /v1/other HTTP/1.1\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        { until: (received) => received.includes('\r\n\r\n{') },
      );
      assert.deepEqual(statuses, [405]);
      assert.equal(backend.requests.length, asked);
    });
  }
});

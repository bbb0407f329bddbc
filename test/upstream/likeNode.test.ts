/** What servers of many kinds send, read here and by Node's own client: both make the same of the same bytes. */
import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connections, createConnections } from '#src/upstream/connections.js';
import { forward } from '#src/upstream/forward.js';
import { type RawBackend, startRawBackend } from '../support/rawBackend.js';

interface Read {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
  readonly isWhole: boolean;
}

const timeouts = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 120_000 };
const completion = '{"id":"cmpl-1","object":"text_completion","choices":[{"text":" caf\u00e9"}]}';
const bytes = Buffer.byteLength(completion);
const frame = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
const sized = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** As written by the servers named; each string is a packet of its own. */
const answers: Readonly<Record<string, readonly string[]>> = {
  'uvicorn, JSON': [
    `HTTP/1.1 200 OK\r\ndate: Sat, 01 Jan 2022 00:00:00 GMT\r\nserver: uvicorn\r\ncontent-length: ${bytes}\r\ncontent-type: application/json\r\n\r\n`,
    completion,
  ],
  'uvicorn, a stream': [
    'HTTP/1.1 200 OK\r\ndate: Sat, 01 Jan 2022 00:00:00 GMT\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n',
    sized(frame),
    sized(frame) + sized('data: [DONE]\n\n'),
    '0\r\n\r\n',
  ],
  'llama.cpp (cpp-httplib)': [
    `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Type: text/event-stream\r\nServer: llama.cpp\r\nTransfer-Encoding: chunked\r\nAccess-Control-Allow-Origin: \r\n\r\n`,
    sized(`${frame}`),
    `${sized('data: [DONE]\n\n')}0\r\n\r\n`,
  ],
  'Ollama (Go net/http)': [
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 01 Jan 2022 00:00:00 GMT\r\nContent-Length: ${bytes}\r\n\r\n${completion}`,
  ],
  'nginx before a server that fails': [
    'HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\n<html></html>'.slice(
      0,
      -2,
    ),
  ],
  "Python's http.server": [
    `HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6 Python/3.11.2\r\nContent-type: application/json\r\n\r\n`,
    completion,
  ],
  "Python's http.server with chunks": [
    'HTTP/1.0 200 OK\r\nContent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
    sized(frame),
    '0\r\n\r\n',
  ],
  'a status without a reason': [
    `HTTP/1.1 200 \r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  ],
  'a status without even the space': [
    'HTTP/1.1 200\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
  ],
  'early hints first': [
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  ],
  'a type given twice': [
    'HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n',
  ],
  'spaces around a value': ['HTTP/1.1 200 OK\r\nContent-Type: \t a/b \t\r\nContent-Length: 0\r\n\r\n'],
  'bytes beyond ASCII in a header': ['HTTP/1.1 200 OK\r\nX-A: \xe9\xff\r\nContent-Length: 0\r\n\r\n'],
  'extensions and trailers': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3;n="v"\r\nabc\r\n0;last\r\nX-T: 1\r\n\r\n',
  ],
  'a size with zeros before it': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n000\r\n\r\n',
  ],
  'no content': ['HTTP/1.1 204 No Content\r\n\r\n'],
  'a body that ends early': [`HTTP/1.1 200 OK\r\nContent-Length: ${bytes + 1}\r\n\r\n${completion}`],
  'chunks that end early': [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${sized(frame)}`],
  'a chunk that ends early': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
  'a head that ends early': ['HTTP/1.1 200 OK\r\nContent-Le'],
  nothing: [],
  'a byte order mark first': ['\xef\xbb\xbfHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  'another protocol': ['SSH-2.0-OpenSSH_9.6\r\n'],
  'two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
  'a length and chunks': [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  'a header without a colon': ['HTTP/1.1 200 OK\r\nBad Header\r\n\r\n'],
  'a space before the colon': ['HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab'],
  'a space behind a size': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n'],
  'a chunk longer than its size': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
  ],
};

describe('what Node reads of an answer is what is read here', () => {
  let backend: RawBackend;
  let connections: Connections;
  const agent = new Agent({ keepAlive: false });
  before(async () => {
    backend = await startRawBackend(() => undefined);
    connections = createConnections({ origin: backend.url, maxIdle: 0, idleMs: 1_000 });
  });
  after(async () => {
    connections.close();
    await backend.close();
  });

  const readHere = (): Promise<Read> =>
    new Promise((resolve) => {
      let status: number | undefined;
      let type: string | undefined;
      let body = '';
      const end = (isWhole: boolean): void => resolve({ status, type, body, isWhole });
      forward({
        connections,
        timeouts,
        request: { method: 'POST', path: '/x', headers: {}, body: Buffer.from('{}') },
        handler: {
          onResponse(response) {
            status = response.status;
            type = response.headers['content-type'];
          },
          onData(piece) {
            body += piece.toString('latin1');
            return true;
          },
          onComplete: () => end(true),
          onFault: () => end(false),
        },
      });
    });

  const readByNode = (): Promise<Read> =>
    new Promise((resolve) => {
      const request = httpRequest(`${backend.url}/x`, { method: 'POST', agent });
      request.on('error', () => resolve({ status: undefined, type: undefined, body: '', isWhole: false }));
      request.on('response', (response) => {
        let body = '';
        response.setEncoding('latin1');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('error', () => undefined);
        response.on('close', () => {
          const { statusCode, headers, complete } = response;
          resolve({ status: statusCode, type: headers['content-type'], body, isWhole: complete });
        });
      });
      request.end('{}');
    });

  for (const [name, packets] of Object.entries(answers)) {
    it(name, async () => {
      backend.answer = async ({ socket }) => {
        for (const packet of packets) {
          socket.write(packet, 'latin1');
          await sleep(3);
        }
        socket.end();
      };
      const byNode = await readByNode();
      const here = await readHere();
      // How much came through before the fault depends on the packets.
      if (!byNode.isWhole) assert.equal(here.isWhole, false);
      else assert.deepEqual(here, byNode);
    });
  }
});

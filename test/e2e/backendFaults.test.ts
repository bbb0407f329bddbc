/**
 * Everything a backend can do wrong, as a table: what the caller sees, alone and with a sound backend beside it, what
 * the metrics say, and that nothing of it is left behind.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { type Answer, send } from '../support/httpClient.js';
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

const good = '{"object":"chat.completion"}';
const frame = 'data: {"choices":[]}\n\n';
const streamStart = Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(frame)]);
const withStatus = (status: string, more = ''): string =>
  `${lengthHead(jsonType, 2, more).replace('200 OK', status)}{}`;

interface Fault {
  readonly name: string;
  readonly answer: (request: RawRequest) => unknown;
  /** What the caller sees of a backend that is alone; `cut`: a stream that breaks off with this code in a frame. */
  readonly alone: { status: number; code: string } | { cut: string } | { status: number };
  /** True when another backend may be asked. */
  readonly isRetried?: true;
  /** How the request counts in `fxn_upstream_errors_total`; absent when it is no error. */
  readonly kind?: string;
}

const faults: readonly Fault[] = [
  {
    name: 'resets before the headers',
    answer: ({ socket }) => socket.resetAndDestroy(),
    alone: { status: 502, code: 'upstream_reset' },
    kind: 'reset',
  },
  {
    name: 'closes in the middle of the headers',
    answer: ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nContent-'),
    alone: { status: 502, code: 'upstream_reset' },
    kind: 'reset',
  },
  {
    name: 'resets after the headers',
    answer: ({ socket }) => socket.write(chunkedHead(eventStream), () => socket.resetAndDestroy()),
    alone: { status: 502, code: 'upstream_reset' },
    kind: 'reset',
  },
  {
    name: 'resets in the middle of a stream',
    answer: ({ socket }) => {
      socket.write(streamStart);
      setTimeout(() => socket.resetAndDestroy(), 30);
    },
    alone: { cut: 'upstream_reset' },
    kind: 'reset',
  },
  {
    name: 'closes in the middle of a stream',
    answer: ({ socket }) => {
      socket.write(streamStart);
      setTimeout(() => socket.end(), 30);
    },
    alone: { cut: 'upstream_reset' },
    kind: 'reset',
  },
  {
    name: 'hangs before the headers',
    answer: () => undefined,
    alone: { status: 504, code: 'upstream_timeout' },
    kind: 'first_byte_timeout',
  },
  {
    name: 'hangs after the headers',
    answer: ({ socket }) => socket.write(chunkedHead(eventStream)),
    alone: { status: 504, code: 'upstream_timeout' },
    kind: 'first_byte_timeout',
  },
  {
    name: 'hangs in the middle of a stream',
    answer: ({ socket }) => socket.write(streamStart),
    alone: { cut: 'upstream_timeout' },
    kind: 'idle_timeout',
  },
  {
    name: 'talks without end',
    answer: ({ socket }) => {
      socket.write(streamStart);
      const talk = setInterval(() => socket.write(chunk(frame)), 50);
      socket.on('close', () => clearInterval(talk));
    },
    alone: { cut: 'upstream_timeout' },
    kind: 'total_timeout',
  },
  {
    name: 'is no HTTP server',
    answer: ({ socket }) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'),
    alone: { status: 502, code: 'upstream_reset' },
    kind: 'protocol',
  },
  {
    name: 'garbles a header',
    answer: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nBad Header\r\n\r\n'),
    alone: { status: 502, code: 'upstream_reset' },
    kind: 'protocol',
  },
  {
    name: 'sends headers without end',
    answer: ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(1_000)}\r\n`.repeat(100)}`),
    alone: { status: 502, code: 'upstream_reset' },
    kind: 'protocol',
  },
  {
    name: 'garbles its chunks',
    answer: ({ socket }) => {
      socket.write(streamStart);
      setTimeout(() => socket.write('zz\r\nnonsense\r\n'), 30);
    },
    alone: { cut: 'upstream_reset' },
    kind: 'protocol',
  },
  {
    name: 'sends less than it announced',
    answer: ({ socket }) => socket.end(`${lengthHead(jsonType, 100)}{`),
    alone: { cut: '' },
    kind: 'reset',
  },
  {
    name: 'answers 429',
    answer: ({ socket }) => socket.write(withStatus('429 Too Many Requests', 'Retry-After: 3\r\n')),
    alone: { status: 429 },
  },
  {
    name: 'answers 500',
    answer: ({ socket }) => socket.write(withStatus('500 Internal Server Error')),
    alone: { status: 500, code: 'upstream_error' },
    kind: 'status_5xx',
  },
  {
    name: 'answers 503',
    answer: ({ socket }) => socket.write(withStatus('503 Service Unavailable')),
    alone: { status: 503, code: 'upstream_error' },
    isRetried: true,
    kind: 'status_5xx',
  },
  {
    name: 'refuses the key',
    answer: ({ socket }) => socket.write(withStatus('401 Unauthorized')),
    alone: { status: 502, code: 'upstream_credentials' },
    kind: 'status_4xx',
  },
  {
    name: 'redirects',
    answer: ({ socket }) => socket.write(withStatus('302 Found', 'Location: http://127.0.0.1:1/\r\n')),
    alone: { status: 502, code: 'upstream_error' },
    kind: 'status_3xx',
  },
  {
    name: 'says more than its answer',
    answer: ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}and more`),
    alone: { status: 200 },
  },
  {
    name: 'is sound',
    answer: ({ socket }) => {
      socket.write(streamStart);
      socket.write(Buffer.concat([chunk('data: [DONE]\n\n'), Buffer.from(lastChunk)]));
    },
    alone: { status: 200 },
  },
];

/** Of each fault this many at once. */
const copies = 8;

describe('a backend that', { concurrency: false }, () => {
  let failing: RawBackend;
  let sound: RawBackend;
  let node: TestNode;
  let openFiles = 0;
  const faultOf = (name: string): Fault => faults.find((each) => each.name === name)!;
  const nobody = createServer();
  let nobodysPort = 0;

  before(async () => {
    // A port on which nobody listens any more.
    nobodysPort = await new Promise<number>((resolve) => {
      nobody.listen(0, '127.0.0.1', () => {
        const { port } = nobody.address() as { port: number };
        nobody.close(() => resolve(port));
      });
    });
    failing = await startRawBackend((request) => {
      const { fault } = JSON.parse(request.body.toString()) as { fault: string };
      faultOf(fault).answer(request);
    });
    sound = await startRawBackend(({ socket }) =>
      socket.write(`${lengthHead(jsonType, good.length)}${good}`),
    );
    const weighted = (url: string): object[] => [
      { url, weight: 1_000 },
      { url: sound.url, weight: 1 },
    ];
    const refusing = `http://127.0.0.1:${nobodysPort}`;
    node = await startBypassNode({
      modelBackends: {
        models: [
          { name: 'alone', backends: [{ url: failing.url }] },
          { name: 'beside', backends: weighted(failing.url) },
          { name: 'refusing', backends: [{ url: refusing }] },
          { name: 'refusing beside', backends: weighted(refusing) },
        ],
      },
      config: {
        node: { listenPort: 0, threads: 2 },
        proxy: {
          firstByteTimeout: '400ms',
          idleTimeout: '400ms',
          totalTimeout: '1500ms',
          healthInterval: '1h',
          retryBudgetPercent: 100,
          breaker: { failures: 1_000_000 },
          idleConnTimeout: '300ms',
        },
      },
    });
    await eventually(
      async () =>
        (await (await fetch(`${node.adminUrl}/ready`)).json()) as { backends: { up: boolean | null }[] },
      ({ backends }) => backends.every(({ up }) => up !== null),
    );
    // Each front opens a few files for good with its first requests.
    for (const model of ['alone', 'beside', 'refusing']) {
      await Promise.all(Array.from({ length: copies }, () => ask(model, 'is sound')));
    }
    openFiles = await settledFiles();
  });
  after(async () => {
    await node?.close();
    await failing?.close();
    await sound?.close();
  });

  const filesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
  /** After the connections of the last step were closed. */
  const settledFiles = async (): Promise<number> => {
    for (const backend of [failing, sound]) {
      await eventually(
        () => backend.sockets.size,
        (open) => open === 0,
      );
    }
    return filesOf(node.pid);
  };

  const ask = (model: string, fault: string): Promise<Answer> =>
    send(`${node.url}/v1/chat/completions`, { body: { model, fault } });
  const codeOf = ({ text }: Answer): string => /"code":"(\w+)"/.exec(text)?.[1] ?? '';
  const errors = async (): Promise<number> => (await node.metric('fxn_upstream_errors_total')) ?? 0;
  const errorsOf = async (kind: string): Promise<number> =>
    (await node.metric('fxn_upstream_errors_total', { kind })) ?? 0;
  const assertNothingLeft = async (): Promise<void> => {
    for (const gauge of [
      'fxn_http_in_flight_requests',
      'fxn_upstream_in_flight_requests',
      'fxn_upstream_queued_requests',
    ]) {
      await eventually(
        () => node.metric(gauge),
        (value) => value === 0,
      );
    }
    await settledFiles();
    await eventually(
      () => filesOf(node.pid),
      (files) => files <= openFiles,
    );
  };
  const assertSeen = (answer: Answer, expected: Fault['alone']): void => {
    if ('cut' in expected) assert.deepEqual([answer.isWhole, codeOf(answer)], [false, expected.cut]);
    else {
      assert.deepEqual([answer.isWhole, answer.status], [true, expected.status]);
      if ('code' in expected) assert.equal(codeOf(answer), expected.code);
    }
  };

  for (const { name, alone, kind, isRetried } of faults) {
    it(name, async () => {
      for (const model of ['alone', 'beside']) {
        const before = { all: await errors(), kind: kind === undefined ? 0 : await errorsOf(kind) };
        const answers = await Promise.all(Array.from({ length: copies }, () => ask(model, name)));
        const isSaved = model === 'beside' && isRetried === true;
        for (const answer of answers) {
          if (isSaved) assert.deepEqual([answer.status, answer.text], [200, good]);
          else assertSeen(answer, alone);
        }
        const counted = kind === undefined ? 0 : copies;
        assert.equal((await errors()) - before.all, counted, model);
        if (kind !== undefined) assert.equal((await errorsOf(kind)) - before.kind, counted, model);
      }
      await assertNothingLeft();
    });
  }

  it('refuses connections', async () => {
    const before = await errorsOf('connect');
    const alone = await Promise.all(Array.from({ length: copies }, () => ask('refusing', '')));
    for (const answer of alone) assertSeen(answer, { status: 502, code: 'upstream_unreachable' });
    const beside = await Promise.all(Array.from({ length: copies }, () => ask('refusing beside', '')));
    for (const answer of beside) assert.equal(answer.status, 200);
    // One that failed its health check is asked only when every one has.
    assert.equal((await errorsOf('connect')) - before, copies);
    await assertNothingLeft();
  });
});

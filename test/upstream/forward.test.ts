/** One request to a real socket: exactly one ending, whatever the backend does and whenever it is aborted. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Connections, createConnections } from '#src/upstream/connections.js';
import { forward, type UpstreamFaultKind, type UpstreamResponse } from '#src/upstream/forward.js';
import { propertyRuns } from '../runs.js';
import { eventually } from '../support/bypassNode.js';
import {
  chunk,
  chunkedHead,
  closeHead,
  eventStream,
  lastChunk,
  lengthHead,
  type RawBackend,
  type RawRequest,
  startRawBackend,
} from '../support/rawBackend.js';

/** None of these runs out by itself on a busy machine; a test that wants one to makes that one short. */
const timeouts = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 120_000 };

interface Outcome {
  readonly ending: 'complete' | UpstreamFaultKind;
  readonly text: string;
  readonly response: UpstreamResponse | undefined;
}

describe('forwarding a request', () => {
  let backend: RawBackend;
  let connections: Connections;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    connections = createConnections({
      origin: backend.url,
      maxIdle: 10,
      idleMs: 5_000,
    });
  });
  after(async () => {
    connections.close();
    await backend.close();
  });

  /** Forwards one request; `onPiece` may slow it down or abort it. */
  const run = (
    answer: RawBackend['answer'],
    {
      times = {},
      take = () => true,
      began = () => undefined,
    }: {
      times?: Partial<typeof timeouts>;
      take?: (piece: Buffer) => boolean;
      began?: (call: ReturnType<typeof forward>) => void;
    } = {},
  ): Promise<Outcome> =>
    new Promise((resolve) => {
      backend.answer = answer;
      let text = '';
      let response: UpstreamResponse | undefined;
      let endings = 0;
      const end = (ending: Outcome['ending']): void => {
        endings++;
        assert.equal(endings, 1, 'it ends once');
        resolve({ ending, text, response });
      };
      began(
        forward({
          connections,
          timeouts: { ...timeouts, ...times },
          request: { method: 'POST', path: '/v1/x?y=1', headers: { a: 'b' }, body: Buffer.from('{}') },
          handler: {
            onResponse(head) {
              response = head;
            },
            onData(piece) {
              text += piece.toString();
              return take(piece);
            },
            onComplete: () => end('complete'),
            onFault: ({ kind }) => end(kind),
          },
        }),
      );
    });

  const whole = ({ socket }: RawRequest): unknown =>
    socket.write(
      Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('abc'), Buffer.from(lastChunk)]),
    );

  it('sends the request as it is and reports a framed answer', async () => {
    const { ending, text, response } = await run(whole);
    assert.equal(ending, 'complete');
    assert.equal(text, 'abc');
    assert.equal(response?.isFramed, true);
    assert.equal(response?.contentLength, null);
    const request = backend.requests.at(-1)!;
    assert.match(request.head, /^POST \/v1\/x\?y=1 HTTP\/1\.1\r\n/);
    assert.match(request.head, /\r\na: b\b/);
    assert.equal(request.body.toString(), '{}');
  });

  it('says the announced length, and that a close-delimited body is not framed', async () => {
    const counted = await run(({ socket }) => socket.write(`${lengthHead(eventStream, 3)}abc`));
    assert.equal(counted.response?.contentLength, 3);
    assert.equal(counted.response?.isFramed, true);
    const open = await run(({ socket }) => socket.end(`${closeHead(eventStream)}abc`));
    assert.equal(open.ending, 'complete');
    assert.equal(open.response?.isFramed, false);
  });

  it('passes over informational responses', async () => {
    const { ending, response } = await run((request) => {
      request.socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n');
      whole(request);
    });
    assert.equal(ending, 'complete');
    assert.equal(response?.status, 200);
  });

  it('reuses the connection of an answer that ended well, and of no other', async () => {
    await run(whole);
    const { socket } = backend.requests.at(-1)!;
    await run(whole);
    assert.equal(backend.requests.at(-1)!.socket, socket);
    assert.equal(backend.requests.at(-1)!.turn > 1, true);
    await run((request) => request.socket.write(chunkedHead(eventStream)), { times: { firstByteMs: 50 } });
    await run(whole);
    assert.equal(backend.requests.at(-1)!.turn, 1);
  });

  for (const [name, answer, times, kind] of [
    ['no answer', () => undefined, { firstByteMs: 50 }, 'first_byte_timeout'],
    [
      'a head without a body',
      ({ socket }: RawRequest) => socket.write(chunkedHead(eventStream)),
      { firstByteMs: 50 },
      'first_byte_timeout',
    ],
    [
      'silence after a piece',
      ({ socket }: RawRequest) =>
        socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('a')])),
      { idleMs: 50 },
      'idle_timeout',
    ],
    ['too long altogether', () => undefined, { totalMs: 50 }, 'total_timeout'],
    ['a reset', ({ socket }: RawRequest) => socket.resetAndDestroy(), {}, 'reset'],
    ['a close', ({ socket }: RawRequest) => socket.end(), {}, 'reset'],
    ['nonsense', ({ socket }: RawRequest) => socket.write('nonsense\r\n\r\n'), {}, 'protocol'],
    [
      'too short a body',
      ({ socket }: RawRequest) => socket.end(`${lengthHead(eventStream, 9)}abc`),
      {},
      'reset',
    ],
  ] as const) {
    it(`names the fault: ${name}`, async () => {
      assert.equal((await run((request) => void answer(request), { times })).ending, kind);
    });
  }

  it('does not count the silence of a backend that it has paused', async () => {
    let call: ReturnType<typeof forward> | undefined;
    let isFirst = true;
    const { ending, text } = await run(
      ({ socket }) => {
        socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('a')]));
        setTimeout(() => socket.write(Buffer.concat([chunk('b'), Buffer.from(lastChunk)])), 20);
      },
      {
        times: { idleMs: 1_000 },
        began: (begun) => {
          call = begun;
        },
        take() {
          if (!isFirst) return true;
          isFirst = false;
          setTimeout(() => call!.resume(), 2_500);
          return false;
        },
      },
    );
    assert.equal(ending, 'complete');
    assert.equal(text, 'ab');
  });

  const closing = 'Connection: close\r\n';
  // A slow caller of such an answer ended the front, with all of its streams.
  for (const [name, head, body, close, expected] of [
    ['a close-delimited answer', closeHead(eventStream), 'abc', 'end', 'complete'],
    ['a counted one', lengthHead(eventStream, 3, closing), 'abc', 'end', 'complete'],
    [
      'a chunked one',
      chunkedHead(eventStream, '200 OK', closing),
      `3\r\nabc\r\n${lastChunk}`,
      'end',
      'complete',
    ],
    ['too short a one', lengthHead(eventStream, 9, closing), 'abc', 'end', 'reset'],
    [
      'one without its last chunk',
      chunkedHead(eventStream, '200 OK', closing),
      '3\r\nabc\r\n',
      'end',
      'protocol',
    ],
    ['a kept one that is too short', lengthHead(eventStream, 9), 'abc', 'end', 'reset'],
    ['a close-delimited one, with a reset', closeHead(eventStream), 'abc', 'resetAndDestroy', 'reset'],
    ['a counted one, with a reset', lengthHead(eventStream, 9, closing), 'abc', 'resetAndDestroy', 'reset'],
    ['a kept one, with a reset', chunkedHead(eventStream), '3\r\nabc\r\n', 'resetAndDestroy', 'reset'],
  ] as const) {
    it(`ends once, and the thread lives, when the backend closes in a pause: ${name}`, async () => {
      let isPaused = false;
      let call: ReturnType<typeof forward> | undefined;
      const { ending, text } = await run(
        async ({ socket }) => {
          socket.write(head + body);
          await eventually(
            () => isPaused,
            (hasPaused) => hasPaused,
          );
          socket[close]();
          // The slow caller goes on; what still lies in the socket comes now.
          setTimeout(() => call!.resume(), 200);
        },
        {
          began(begun) {
            call = begun;
          },
          take() {
            isPaused = true;
            return false;
          },
        },
      );
      assert.deepEqual([ending, text], [expected, 'abc']);
    });
  }

  it('says nothing more after an abort at any moment, and leaves no connection', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.boolean(), async (afterMs, isStreaming) => {
        let isAborted = false;
        let calledAfter = false;
        backend.answer = async ({ socket }) => {
          if (!isStreaming) return;
          socket.write(chunkedHead(eventStream));
          for (let index = 0; index < 10; index++) {
            socket.write(chunk('x'));
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        };
        const note = (): void => {
          calledAfter ||= isAborted;
        };
        const call = forward({
          connections,
          timeouts,
          request: { method: 'POST', path: '/', headers: {}, body: Buffer.from('{}') },
          handler: {
            onResponse: note,
            onData() {
              note();
              return true;
            },
            onComplete: note,
            onFault: note,
          },
        });
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        isAborted = true;
        call.abort();
        call.abort();
        call.resume();
        await new Promise((resolve) => setTimeout(resolve, 15));
        assert.ok(!calledAfter);
      }),
      { numRuns: propertyRuns(400) },
    );
    await eventually(
      () => backend.sockets.size,
      (open) => open === 0,
    );
  });
});

/** Backends that refuse, stall and break off, with small timers: what the caller sees, and what is counted. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { endWithTests } from '../support/endWithTests.js';
import { type Answer, send } from '../support/httpClient.js';
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

const firstFrame = 'data: {"model":"m","n":1}\n\n';

/** A port that takes no connection and refuses none: its listener never runs and its queue is full. */
async function startDeafServer(): Promise<{ port: number; close(): void }> {
  const program = `
    const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child: ChildProcess = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithTests(child);
  const [said] = (await once(child.stdout!, 'data')) as [Buffer];
  const port = Number(said.toString());
  const fillers: Socket[] = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'));
  for (const filler of fillers) filler.on('error', () => undefined);
  return {
    port,
    close() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const patience = {
  connectTimeout: '60s',
  firstByteTimeout: '60s',
  idleTimeout: '60s',
  totalTimeout: '120s',
};
const shortTimers = {
  connect: { connectTimeout: '300ms' },
  firstByte: { firstByteTimeout: '500ms' },
  idle: { idleTimeout: '3s' },
  total: { totalTimeout: '2s' },
};
/** Three of them are longer than the idle timeout, one is far from it. */
const silenceMs = 1_100;

describe('a backend that fails', { concurrency: false }, () => {
  let backend: RawBackend;
  let deaf: Awaited<ReturnType<typeof startDeafServer>>;
  let node: TestNode;
  /** Nodes with one short timer each: a busy machine is late itself, and no other timer may run out for that. */
  let impatient: Readonly<Record<keyof typeof shortTimers, TestNode>>;
  let label: string;
  before(async () => {
    backend = await startRawBackend(() => undefined);
    deaf = await startDeafServer();
    label = `127.0.0.1:${backend.port}`;
    const to = (name: string, url: string, more = {}): object => ({ name, backends: [{ url, ...more }] });
    const models = [
      to('m', backend.url),
      to('mapped', backend.url, { model: 'm' }),
      to('absent', `http://127.0.0.1:${await freePort()}`),
      to('deaf', `http://127.0.0.1:${deaf.port}`),
    ];
    const start = (timer = {}, threads = 1): Promise<TestNode> =>
      startBypassNode({
        modelBackends: { models },
        config: { node: { threads }, proxy: { ...patience, ...timer } },
      });
    node = await start({}, 2);
    const { connect, firstByte, idle, total } = shortTimers;
    impatient = {
      connect: await start(connect),
      firstByte: await start(firstByte),
      idle: await start(idle),
      total: await start(total),
    };
  });
  after(async () => {
    for (const each of [node, ...Object.values(impatient ?? {})]) await each?.close();
    deaf?.close();
    await backend?.close();
  });

  const ask = (model = 'm', on = node): Promise<Answer> =>
    send(`${on.url}/v1/chat/completions`, { body: { model, stream: true } });
  const codeOf = (answer: Answer): unknown => {
    assert.match(String(answer.headers['content-type']), /^application\/json/);
    assert.ok(answer.isWhole);
    return (JSON.parse(answer.text) as { error: { code: unknown } }).error.code;
  };
  /** Asks and checks that this added exactly one error of that kind and left nothing in flight. */
  const addsOne = async (kind: string, { model = 'm', on = node, at = label } = {}): Promise<Answer> => {
    const counted = async (): Promise<number> =>
      (await on.metric('fxn_upstream_errors_total', { backend: at, kind })) ?? 0;
    const before = await counted();
    const answer = await ask(model, on);
    assert.equal(await counted(), before + 1, `one more error of kind ${kind}`);
    assert.equal(await on.metric('fxn_upstream_in_flight_requests'), 0);
    return answer;
  };
  const assertCut = (answer: Answer, begin: string, code: string): void => {
    assert.equal(answer.status, 200);
    assert.ok(!answer.isWhole, 'the connection breaks');
    assert.ok(answer.text.startsWith(begin), answer.text);
    const rest = answer.text.slice(begin.length);
    const last = /^\n*data: (.*)\n\n$/.exec(rest);
    assert.ok(last, `an error frame, not ${JSON.stringify(rest)}`);
    const { error } = JSON.parse(last[1]!) as { error: { code: string; message: string; type: string } };
    assert.equal(error.code, code);
    assert.equal(error.type, 'server_error');
    assert.doesNotMatch(error.message, /127\.0\.0\.1/);
  };

  for (const [ending, end] of [
    ['closes', (socket: Socket) => socket.end()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    for (const model of ['m', 'mapped']) {
      it(`cuts a chunked stream that the upstream ${ending} (the Go node: it looks complete): ${model}`, async () => {
        backend.answer = ({ socket }) => {
          socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(firstFrame)]));
          setTimeout(end, 30, socket);
        };
        const answer = await addsOne('reset', { model });
        assertCut(answer, firstFrame.replace('"m"', JSON.stringify(model)), 'upstream_reset');
      });
    }

    it(`cuts a chunked stream under "Connection: close" that the upstream ${ending}`, async () => {
      backend.answer = ({ socket }) => {
        const head = chunkedHead(eventStream, '200 OK', 'Connection: close\r\n');
        socket.write(Buffer.concat([Buffer.from(head), chunk(firstFrame)]));
        setTimeout(end, 30, socket);
      };
      // An announced close inside a chunked body is a fault of the parser's, not of the socket's.
      assertCut(await addsOne('protocol'), firstFrame, 'upstream_reset');
    });

    it(`cuts a stream of announced length that the upstream ${ending} early`, async () => {
      for (const more of ['', 'Connection: close\r\n']) {
        backend.answer = ({ socket }) => {
          socket.write(lengthHead(eventStream, 500, more) + firstFrame);
          setTimeout(end, 30, socket);
        };
        const answer = await addsOne('reset');
        assert.ok(!answer.isWhole);
        assert.ok(answer.text.startsWith(firstFrame));
      }
    });

    it(`breaks a JSON answer that the upstream ${ending} early`, async () => {
      for (const [head, kind] of [
        [lengthHead(jsonType, 500), 'reset'],
        [lengthHead(jsonType, 500, 'Connection: close\r\n'), 'reset'],
        [`${chunkedHead(jsonType)}5\r\n`, 'reset'],
        [`${chunkedHead(jsonType, '200 OK', 'Connection: close\r\n')}5\r\n`, 'protocol'],
      ] as const) {
        backend.answer = ({ socket }) => {
          socket.write(`${head}{"a":`);
          setTimeout(end, 30, socket);
        };
        const answer = await addsOne(kind);
        assert.equal(answer.status, 200);
        assert.ok(!answer.isWhole, head);
        assert.equal(answer.text, '{"a":');
      }
    });

    it(`answers 502 when the upstream ${ending} before the headers`, async () => {
      backend.answer = ({ socket }) => end(socket);
      const answer = await addsOne('reset');
      assert.equal(answer.status, 502);
      assert.equal(codeOf(answer), 'upstream_reset');
    });

    it(`answers 502 when the upstream ${ending} after the headers and before the body`, async () => {
      backend.answer = ({ socket }) => {
        socket.write(chunkedHead(eventStream));
        setTimeout(end, 30, socket);
      };
      const answer = await addsOne('reset');
      assert.equal(answer.status, 502);
      assert.equal(codeOf(answer), 'upstream_reset');
    });
  }

  it('ends a half-written frame before the error frame', async () => {
    backend.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(`${firstFrame}data: {"ha`)]));
      setTimeout(() => socket.destroy(), 30);
    };
    // A caller that takes the token counts itself: for others a frame is sent when it is whole.
    const body = { model: 'm', stream: true, stream_options: { include_usage: true } };
    const answer = await send(`${node.url}/v1/chat/completions`, { body });
    assert.match(answer.text, /data: \{"ha\n\ndata: \{"error":/);
    assert.ok(!answer.isWhole);
  });

  it('cuts a stream whose chunks are garbled', async () => {
    backend.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(firstFrame)]));
      setTimeout(() => socket.write('this is no chunk\r\n'), 30);
    };
    assertCut(await addsOne('protocol'), firstFrame, 'upstream_reset');
  });

  it('answers 502 when the response is not HTTP', async () => {
    for (const garbage of ['SSH-2.0-OpenSSH_9.6\r\n', 'HTTP/1.1 200 OK\r\nBad Header\r\n\r\n']) {
      backend.answer = ({ socket }) => socket.write(garbage);
      const answer = await addsOne('protocol');
      assert.equal(answer.status, 502);
      assert.equal(codeOf(answer), 'upstream_reset');
      assert.doesNotMatch(answer.text, /SSH|Bad/);
    }
  });

  it('answers 502 when the response headers never end', async () => {
    backend.answer = ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${'X-Filler: y\r\n'.repeat(20_000)}`);
    const answer = await ask();
    assert.equal(answer.status, 502);
  });

  it('answers 502 upstream_unreachable when nobody listens', async () => {
    const answer = await ask('absent');
    assert.equal(answer.status, 502);
    assert.equal(codeOf(answer), 'upstream_unreachable');
    assert.doesNotMatch(answer.text, /127\.0\.0\.1|ECONNREFUSED/);
  });

  it('answers 504 when the connection does not come about in time (the Go node: no timeouts)', async () => {
    const answer = await addsOne('connect_timeout', {
      model: 'deaf',
      on: impatient.connect,
      at: `127.0.0.1:${deaf.port}`,
    });
    assert.equal(answer.status, 504);
    assert.equal(codeOf(answer), 'upstream_timeout');
  });

  it('answers 504 when the first byte does not come in time, with or without headers before it', async () => {
    for (const head of ['', chunkedHead(eventStream), lengthHead(jsonType, 10)]) {
      backend.answer = ({ socket }) => head !== '' && socket.write(head);
      const answer = await addsOne('first_byte_timeout', { on: impatient.firstByte });
      assert.equal(answer.status, 504);
      assert.equal(codeOf(answer), 'upstream_timeout');
    }
  });

  it('cuts a stream that falls silent for longer than the idle timeout', async () => {
    backend.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(firstFrame)]));
    };
    assertCut(await addsOne('idle_timeout', { on: impatient.idle }), firstFrame, 'upstream_timeout');
  });

  it('survives silences below the idle timeout, one after the other', async () => {
    backend.answer = async ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(firstFrame)]));
      for (let index = 0; index < 3; index++) {
        await new Promise((resolve) => setTimeout(resolve, silenceMs));
        socket.write(chunk(firstFrame));
      }
      socket.write(lastChunk);
    };
    const answer = await ask('m', impatient.idle);
    assert.ok(answer.isWhole);
    assert.equal(answer.text, firstFrame.repeat(4));
  });

  it('cuts a stream that never stops at the total timeout', async () => {
    backend.answer = ({ socket }) => {
      socket.write(chunkedHead(eventStream));
      const timer = setInterval(() => socket.write(chunk(firstFrame)), 50);
      socket.on('close', () => clearInterval(timer));
    };
    const answer = await addsOne('total_timeout', { on: impatient.total });
    assert.ok(!answer.isWhole);
    assert.match(answer.text, /"code":"upstream_timeout"\}\}\n\n$/);
  });

  it('closes the connection of every request that failed, and reuses that of one that did not', async () => {
    backend.answer = ({ socket }) => {
      socket.write(
        Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(firstFrame), Buffer.from(lastChunk)]),
      );
    };
    await ask();
    assert.ok(backend.sockets.size <= 2, `${backend.sockets.size} sockets for two fronts`);
  });

  it('serves on after a close-delimited answer', async () => {
    backend.answer = ({ socket }) => socket.end(`${closeHead(eventStream)}data: [DONE]\n\n`);
    assert.ok((await ask()).isWhole);
    assert.ok((await ask()).isWhole);
  });

  it('logs each failure once, with the request id and without the answer of the backend', async () => {
    const failures = await eventually(
      () => node.log.filter((line) => line.msg === 'backend failed'),
      ({ length }) => length > 20,
    );
    for (const line of failures) assert.match(String(line['id']), /^[0-9a-f-]{36}$/);
  });
});

/** A running node and its signals: draining, cutting, reloading. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
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

const frame = (index: number): string => `data: {"n":${index}}\n\n`;
const modelsOn = (...backends: { url: string }[]): object => ({
  models: [{ name: 'm', backends: backends.map(({ url }) => ({ url })) }],
});

/** Whether a new connection is taken. */
const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

describe('the life of a node', () => {
  let backend: RawBackend;
  let node: TestNode | undefined;
  before(async () => {
    backend = await startRawBackend(() => undefined);
  });
  afterEach(async () => {
    await node?.close();
    node = undefined;
  });
  after(() => backend?.close());

  /** Drains for as long as a test may need for what it looks at meanwhile, unless told. */
  const start = async (config: Record<string, unknown> = {}): Promise<TestNode> => {
    node = await startBypassNode({
      modelBackends: modelsOn(backend),
      config: { node: { drainTimeout: '30s' }, ...config },
    });
    return node;
  };
  /** Opens a stream of which the first frame has come; `next` sends more of it, `finish` ends it. */
  const openStream = async ({ url }: TestNode, from = backend) => {
    from.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(frame(0))]));
    };
    const answer = await open(`${url}/v1/chat/completions`, { body: { model: 'm' } });
    await answer.readUntil(frame(0));
    const { socket } = from.requests.at(-1)!;
    return {
      answer,
      next: async (index: number) => {
        socket.write(chunk(frame(index)));
        await answer.readUntil(frame(index));
      },
      finish: () => socket.write(lastChunk),
    };
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`lets a running stream end after ${signal}, takes nothing new, then exits with 0`, async () => {
      const running = await start();
      const stream = await openStream(running);
      running.signal(signal);
      await running.waitForLog((line) => line.msg === 'draining');
      await eventually(
        () => accepts(running.port),
        (isAccepted) => !isAccepted,
      );
      await stream.next(1);
      const ready = await send(`${running.adminUrl}/ready`);
      assert.equal(ready.status, 503);
      assert.match(ready.text, /shutting down/);
      await stream.next(2);
      stream.finish();
      const whole = await stream.answer.end();
      assert.ok(whole.isWhole);
      assert.equal(whole.text, frame(0) + frame(1) + frame(2));
      assert.equal(await running.exited, 0);
      assert.ok(running.log.some((line) => line.msg === 'stopped'));
    });
  }

  it('refuses new requests on open connections while it drains', async () => {
    const running = await start();
    const stream = await openStream(running);
    const socket = connect(running.port, '127.0.0.1');
    const request = 'GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n';
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.write(request);
    await eventually(
      () => text,
      (received) => received.includes('HTTP/1.1 200'),
    );
    running.signal('SIGTERM');
    await running.waitForLog((line) => line.msg === 'draining');
    await eventually(
      () => accepts(running.port),
      (isAccepted) => !isAccepted,
    );
    socket.write(request);
    await eventually(
      () => text,
      (received) => received.includes('HTTP/1.1 503'),
    );
    assert.match(text, /"code":"draining"/);
    assert.match(text, /retry-after: \d/i);
    stream.finish();
    assert.equal(await running.exited, 0);
    socket.destroy();
  });

  it('cuts what the drain timeout does not wait for, and still exits with 0', async () => {
    const running = await start({ node: { drainTimeout: '300ms' } });
    const stream = await openStream(running);
    running.signal('SIGTERM');
    const whole = await stream.answer.end();
    assert.ok(!whole.isWhole);
    assert.equal(await running.exited, 0);
    const cut = running.log.find((line) => line.msg === 'the drain timeout cuts open requests');
    assert.equal(cut?.['cut'], 1);
    await eventually(
      () => backend.requests.at(-1)!.socket.destroyed,
      (isClosed) => isClosed,
    );
  });

  it('exits at once with 1 on a second signal', async () => {
    const running = await start();
    await openStream(running);
    running.signal('SIGTERM');
    await running.waitForLog((line) => line.msg === 'draining');
    running.signal('SIGTERM');
    assert.equal(await running.exited, 1);
  });

  it('exits with 0 many times over while requests keep coming', async () => {
    backend.answer = ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`);
    for (let round = 0; round < 3; round++) {
      const running = await start();
      let isOver = false;
      const callers = Array.from({ length: 4 }, async () => {
        while (!isOver)
          await send(`${running.url}/v1/completions`, { body: { model: 'm' } }).catch(() => undefined);
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      running.signal('SIGTERM');
      const code = await running.exited;
      isOver = true;
      await Promise.all(callers);
      assert.equal(code, 0);
      await running.close();
    }
  });

  it('swaps backends and log level on SIGHUP without cutting a running stream', async () => {
    const running = await start();
    const next = await startRawBackend(({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`));
    const stream = await openStream(running);
    const askedBefore = backend.requests.length;
    const line = await running.reload({
      modelBackends: modelsOn(next),
      config: { logger: { verbosity: 'debug' }, registry: { bypassAuth: true } },
    });
    assert.match(String(line.msg), /^reloaded/);
    const answer = await send(`${running.url}/v1/chat/completions`, { body: { model: 'm' } });
    assert.equal(answer.status, 200);
    assert.equal(next.requests.length, 1);
    assert.equal(backend.requests.length, askedBefore);
    await running.waitForLog(({ level, msg }) => level === 'debug' && msg === 'request');

    await stream.next(1);
    stream.finish();
    const whole = await stream.answer.end();
    assert.ok(whole.isWhole);
    assert.equal(whole.text, frame(0) + frame(1));
    assert.equal(await running.metric('fxn_config_reloads_total', { outcome: 'applied' }), 1);
    assert.equal(await running.metric('fxn_http_in_flight_requests'), 0);
    await next.close();
  });

  it('loads the models anew on SIGHUP, with the time of loading', async () => {
    const running = await start();
    const list = async () =>
      (
        JSON.parse((await send(`${running.url}/v1/models`)).text) as {
          data: { id: string; created: number }[];
        }
      ).data;
    const [before] = await list();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await running.reload({
      modelBackends: { models: ['b', 'c'].map((name) => ({ name, backends: [{ url: backend.url }] })) },
    });
    const after = await list();
    assert.deepEqual(
      after.map(({ id }) => id),
      ['b', 'c'],
    );
    assert.ok(after[0]!.created > before!.created);
  });

  it('keeps everything on SIGHUP with a bad file, and logs every problem with its place', async () => {
    const running = await start();
    backend.answer = ({ socket }) => socket.write(`${lengthHead(jsonType, 2)}{}`);
    const file = join(running.home, 'model_backend.yaml');
    writeFileSync(file, 'models:\n  - nam: "x"\n    backends: []\ndefalt: "y"\n');
    running.signal('SIGHUP');
    const line = await running.waitForLog(({ msg }) => msg?.startsWith('reload refused') ?? false);
    const text = JSON.stringify(line);
    for (const place of ['model_backend.yaml:2:5', 'model_backend.yaml:3:', 'model_backend.yaml:4:1']) {
      assert.ok(text.includes(place), `${place} in ${text}`);
    }
    assert.equal((await send(`${running.url}/v1/chat/completions`, { body: { model: 'm' } })).status, 200);
    assert.equal(await running.metric('fxn_config_reloads_total', { outcome: 'refused' }), 1);

    writeFileSync(file, stringify(modelsOn(backend)));
    running.signal('SIGHUP');
    await running.waitForLog(({ msg }) => msg?.startsWith('reloaded') ?? false);
  });
});

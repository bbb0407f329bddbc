/** Threads that fail: replaced alone where that is possible, else the process ends for the service manager. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { type FrontCommand, orderFile } from '../support/frontOrders.js';
import { type OpenAnswer, open, send } from '../support/httpClient.js';
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

const frame = 'data: {}\n\n';
const entry = fileURLToPath(import.meta.resolve('#test/support/crashingMain.js'));
const registryPreload = import.meta.resolve('#test/support/crashingRegistry.js');

interface CrashingNode {
  readonly node: TestNode;
  tell(front: number, command: FrontCommand): void;
  tellRegistry(): void;
}

describe('a thread that fails', { concurrency: true }, () => {
  let backend: RawBackend;
  before(async () => {
    backend = await startRawBackend(({ socket, body }) => {
      const { stream } = JSON.parse(body.toString()) as { stream?: boolean };
      if (stream !== true) socket.write(`${lengthHead(jsonType, 2)}{}`);
      else socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk(frame)]));
    });
  });
  after(() => backend?.close());

  const start = async (
    t: TestContext,
    { env = {} }: { env?: Record<string, string> } = {},
  ): Promise<CrashingNode> => {
    const commands = mkdtempSync(join(tmpdir(), 'fxn-commands-'));
    const node = await startBypassNode({
      entry,
      env: { FXN_TEST_COMMANDS: commands, ...env },
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
      config: { node: { listenPort: 0, threads: 2, drainTimeout: '300ms' } },
    });
    t.after(async () => {
      await node.close();
      rmSync(commands, { recursive: true, force: true });
    });
    return {
      node,
      tell: (front, command) => writeFileSync(join(commands, orderFile({ front, command })), ''),
      tellRegistry: () => writeFileSync(join(commands, 'registry'), ''),
    };
  };

  const url = ({ url: base }: TestNode): string => `${base}/v1/chat/completions`;

  /** Streams that have begun, with the socket on which the backend writes each. */
  const openStreams = async (node: TestNode, count: number) => {
    const streams: { answer: OpenAnswer; socket: Socket }[] = [];
    for (let index = 0; index < count; index++) {
      const id = `${node.pid}-${index}`;
      const answer = await open(url(node), { body: { model: 'm', stream: true, id } });
      await answer.readUntil(frame);
      const { socket } = backend.requests.find(({ body }) => body.includes(`"${id}"`))!;
      streams.push({ answer, socket });
    }
    return streams;
  };

  const finish = async (streams: Awaited<ReturnType<typeof openStreams>>) => {
    for (const { socket } of streams) socket.write(Buffer.concat([chunk(frame), Buffer.from(lastChunk)]));
    return Promise.all(streams.map(({ answer }) => answer.end()));
  };

  const served = (node: TestNode) =>
    node.metric('endpoint_responses_total', { endpoint: '/v1/chat/completions' });

  /** Scrapes as fast as it can until stopped; tells the readings that were lower than one before. */
  const watchForFalls = (node: TestNode) => {
    const falls: string[] = [];
    let isOver = false;
    const watch = async (): Promise<void> => {
      let highest = 0;
      while (!isOver) {
        const now = (await served(node)) ?? 0;
        if (now < highest) falls.push(`${highest} to ${now}`);
        highest = Math.max(highest, now);
      }
    };
    const watching = watch();
    return {
      async stop() {
        isOver = true;
        await watching;
        return falls;
      },
    };
  };

  for (const command of ['throw', 'reject'] as const) {
    it(`is a front: it is replaced while the streams of the other go on (${command})`, async (t) => {
      const { node, tell } = await start(t);
      for (let index = 0; index < 20; index++) await send(url(node), { body: { model: 'm' } });
      const streams = await openStreams(node, 16);
      const falls = watchForFalls(node);
      tell(0, command);
      await node.waitForLog((line) => line.msg === 'front thread failed');
      await eventually(
        () => node.metric('fxn_thread_restarts_total', { thread: 'front' }),
        (restarts) => restarts === 1,
      );
      const wholes = await finish(streams);
      const survivors = wholes.filter(({ isWhole, text }) => isWhole && text === frame + frame).length;
      assert.ok(survivors > 0 && survivors < 16, `${survivors} of 16 streams went on`);
      for (let index = 0; index < 20; index++) {
        assert.equal((await send(url(node), { body: { model: 'm' } })).status, 200);
      }
      assert.deepEqual(await falls.stop(), [], 'no counter fell');
      assert.equal(await served(node), 56);
      for (const name of ['fxn_http_in_flight_requests', 'fxn_upstream_in_flight_requests']) {
        assert.equal(await node.metric(name), 0, name);
      }
    });
  }

  it('is a front: nothing is forgotten or counted twice when all fail at once, again and again', async (t) => {
    const { node, tell } = await start(t);
    const falls = watchForFalls(node);
    let asked = 0;
    for (let round = 1; round <= 3; round++) {
      for (let index = 0; index < 30; index++) {
        assert.equal((await send(url(node), { body: { model: 'm' } })).status, 200);
        asked++;
      }
      tell(0, 'throw');
      tell(1, 'throw');
      await eventually(
        () => node.metric('fxn_thread_restarts_total', { thread: 'front' }),
        (restarts) => restarts === 2 * round,
      );
      await eventually(
        async () =>
          (await node.metric('fxn_event_loop_delay_seconds', { thread: 'front-0' })) !== undefined &&
          (await node.metric('fxn_event_loop_delay_seconds', { thread: 'front-1' })) !== undefined,
        (isBack) => isBack,
      );
      assert.equal(await served(node), asked);
    }
    assert.deepEqual(await falls.stop(), []);
  });

  it('is a front that hangs: the process ends with 70', async (t) => {
    const { node, tell } = await start(t);
    await openStreams(node, 8);
    tell(0, 'spin');
    assert.equal(await node.exited, 70);
    const last = node.log.findLast((line) => line.level === 'fatal');
    assert.equal(last?.['failed'], 'front-0');
  });

  it('is a front that runs out of memory: the process ends, and its home can be used again', async (t) => {
    const { node, tell } = await start(t, { env: { NODE_OPTIONS: '--max-old-space-size=80' } });
    await openStreams(node, 8);
    tell(0, 'exhaust');
    // Node.js itself ends such a thread and aborts over its open sockets before main hears of it.
    assert.equal(await node.exited, null, 'ended by SIGABRT');
    const next = await startBypassNode({
      home: node.home,
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
    });
    assert.equal((await send(url(next), { body: { model: 'm' } })).status, 200);
    assert.equal(await next.close(), 0);
  });

  it('is the registry: it is replaced and asks the chain again', async (t) => {
    const { node, tellRegistry } = await start(t, {
      env: { NODE_OPTIONS: `--import ${registryPreload}` },
    });
    const reads = () => node.metric('fxn_registry_refresh_failures_total', { registry: 'gateway' });
    await eventually(reads, (count) => (count ?? 0) > 0);
    tellRegistry();
    await node.waitForLog((line) => line.msg === 'registry thread failed');
    // The thread says so itself, a moment before main hears of it.
    const restarts = () => node.metric('fxn_thread_restarts_total', { thread: 'registry' });
    await eventually(restarts, (count) => count === 1);
    const before = (await reads()) ?? 0;
    assert.ok(before > 0, 'what it counted outlives it');
    await eventually(reads, (count) => (count ?? 0) > before);
    assert.equal((await send(url(node), { body: { model: 'm' } })).status, 200);
    assert.equal(await node.metric('fxn_thread_restarts_total', { thread: 'front' }), undefined);
  });
});

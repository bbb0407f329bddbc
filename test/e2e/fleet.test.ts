// needs: redis-server haproxy
/**
 * Two nodes with one identity behind HAProxy, with a shared store: a request counts once, limits hold over both,
 * and whatever happens to the store, nothing is served twice.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { propertyRuns } from '../runs.js';
import { eventually } from '../support/bypassNode.js';
import { type Caller, createCaller } from '../support/caller.js';
import { type Haproxy, startHaproxy } from '../support/haproxy.js';
import { open } from '../support/httpClient.js';
import { type RedisServer, startRedis } from '../support/redisServer.js';
import {
  acceptSession,
  base64,
  createSessionKeys,
  type OfferedSession,
  sessionPath,
} from '../support/sessionClient.js';
import { chatFrame, doneFrame } from '../support/testBackend.js';
import { nextSecond, startTestNode, type TestNode } from '../support/testNode.js';
import {
  type Answer,
  chatBody,
  chatPath,
  modelsPath,
  send,
  sendSigned,
  standModel,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const rounds = propertyRuns(100);
const copiesPerDoor = 20;
const requestsPerSecond = 20;
const concurrentStreams = 6;
const authority = 'fleet.example';

describe('a fleet of two nodes', () => {
  const [busy, streaming, talking, patient] = Array.from({ length: 4 }, () => createCaller());
  let redis: RedisServer;
  let stand: TestStand;
  let nodes: readonly [TestNode, TestNode];
  let proxy: Haproxy;
  let doors: readonly number[] = [];

  before(async () => {
    redis = await startRedis();
    const privateKeyHex = randomBytes(32).toString('hex');
    stand = await startTestStand({
      privateKeyHex,
      gateways: [busy!, streaming!, talking!, patient!],
      config: {
        node: { threads: 2, publicUrl: `http://${authority}` },
        auth: { maxAge: '120s', maxSkew: '1s', schemes: ['legacy', 'rfc9421', 'session'] },
        nonceCache: { store: 'redis', redisUrl: redis.url },
        limits: { requestsPerSecond, concurrentStreams, tokensPerMinute: 1_000_000 },
      },
    });
    const second = await startTestNode(stand.nodeOptions);
    nodes = [stand.node, second];
    await second.waitForReady();
    proxy = await startHaproxy(nodes);
    doors = [proxy.port, ...nodes.map(({ port }) => port)];
  });
  after(async () => {
    // A stopped server would hold up nobody, but it has to be awake to be ended in good order.
    redis?.signal('SIGCONT');
    await proxy?.close();
    await nodes?.[1].close();
    await stand?.close();
    await redis?.close();
  });

  const both = <Result>(ask: (node: TestNode) => Promise<Result>): Promise<Result[]> =>
    Promise.all(nodes.map(ask));
  const sendFresh = (port: number, caller: Caller = stand.gateway): Promise<Answer> =>
    sendSigned(port, caller);
  const untilUsable = (): Promise<unknown> =>
    eventually(
      () => both((node) => node.metric('fxn_store_up')),
      (up) => up.every((value) => value === 1),
    );
  /** Keeps the caller below its own limit. */
  const untilServed = (port: number, caller?: Caller): Promise<Answer> =>
    eventually(
      () => sendFresh(port, caller),
      ({ status }) => status === 200,
    );

  it('serves one of many copies of a request, through the proxy and at both doors at once', async () => {
    let servedOnce = 0;
    for (let round = 0; round < rounds; round++) {
      const headers = await stand.gateway.sign('');
      const answers = await Promise.all(
        Array.from({ length: copiesPerDoor }, () => doors.map((port) => send(port, { headers }))).flat(),
      );
      const counts: Record<string, number> = {};
      for (const { code = 'served' } of answers) counts[code] = (counts[code] ?? 0) + 1;
      const { served = 0, auth_replayed = 0, replay_store_unavailable = 0 } = counts;
      assert.equal(served + auth_replayed + replay_store_unavailable, answers.length, JSON.stringify(counts));
      // On a machine too busy to hear the store in time a copy may be refused unheard, the first one too.
      assert.ok(served === 1 || (served === 0 && replay_store_unavailable > 0), JSON.stringify(counts));
      servedOnce += served;
      // The one that is served counts against its caller's limit.
      await new Promise((resolve) => setTimeout(resolve, (2 * 1_000) / requestsPerSecond));
    }
    assert.ok(servedOnce > 0);
  });

  it('streams tokens through the proxy as they come', async () => {
    let goOn: () => void = () => undefined;
    const wasRead = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    stand.backend.handler = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatFrame(standModel, 'first'));
      await wasRead;
      response.end(chatFrame(standModel, 'second') + doneFrame);
    };
    const body = JSON.stringify({ model: standModel, messages: [], stream: true });
    const answer = await open(`http://127.0.0.1:${proxy.port}${chatPath}`, {
      body,
      headers: await stand.gateway.sign(body),
    });
    await answer.readUntil('first');
    goOn();
    const { status, text, isWhole } = await answer.end();
    assert.deepEqual([status, isWhole], [200, true]);
    assert.ok(text.includes('second') && text.endsWith(doneFrame));
    assert.equal(answer.headers['x-ratelimit-limit-requests'], String(requestsPerSecond));
  });

  it('holds a caller to its requests a second over both nodes, exactly', async () => {
    const perDoor = requestsPerSecond;
    const signed = await Promise.all(
      doors.map(() => Promise.all(Array.from({ length: perDoor }, () => busy!.sign('')))),
    );
    const startedAtMs = performance.now();
    // One after the other at each door, so that few are open at once.
    const lanes = doors.map(async (port, door) => {
      const answers: Answer[] = [];
      for (const headers of signed[door]!) answers.push(await send(port, { headers }));
      return answers;
    });
    const answers = (await Promise.all(lanes)).flat();
    const flowedIn = Math.floor(((performance.now() - startedAtMs) / 1_000) * requestsPerSecond);
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status, code }) => status === 429 && code === 'rate_limited');
    assert.equal(served.length + refused.length, answers.length);
    assert.ok(served.length >= requestsPerSecond, `${served.length} served`);
    assert.ok(
      served.length <= requestsPerSecond + flowedIn,
      `${served.length} served, ${flowedIn} flowed in`,
    );
    for (const { headers } of refused) {
      assert.equal(headers['retry-after'], '1');
      assert.equal(headers['x-ratelimit-remaining-requests'], '0');
      assert.match(String(headers['x-ratelimit-reset-requests']), /^(?:\d+ms|1(?:\.\d+)?s)$/);
      assert.equal(headers['x-ratelimit-remaining-tokens'], '1000000');
    }
    assert.equal((await sendFresh(nodes[0].port, talking)).status, 200, 'another caller is not concerned');
  });

  it('counts open streams over both nodes and gives a place back however a stream ends', async () => {
    const ends: (() => void)[] = [];
    stand.backend.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatFrame(standModel, 'first'));
      ends.push(() => response.end(doneFrame));
    };
    const begin = async (port: number) =>
      open(`http://127.0.0.1:${port}${chatPath}`, {
        body: chatBody,
        headers: await streaming!.sign(chatBody),
      });
    const held = [];
    for (let i = 0; i < concurrentStreams; i++) {
      const answer = await begin(doors[i % doors.length]!);
      assert.equal(answer.status, 200);
      await answer.readUntil('first');
      held.push(answer);
    }
    for (const { port } of nodes) {
      const refused = await sendSigned(port, streaming!, { body: chatBody });
      assert.deepEqual([refused.status, refused.code], [429, 'rate_limited']);
      assert.equal(refused.headers['retry-after'], '1');
    }
    // One client leaves, one stream ends.
    held[0]!.leave('rst');
    await untilServed(nodes[1].port, streaming);
    ends[1]!();
    await held[1]!.end();
    const streams = async (): Promise<string[]> => {
      const [key] = (await redis.command('KEYS', `*:s:${streaming!.address.toLowerCase()}`)) as string[];
      return key === undefined ? [] : ((await redis.command('HVALS', key)) as string[]);
    };
    const open_ = async (): Promise<number> => (await streams()).reduce((sum, n) => sum + Number(n), 0);
    await eventually(open_, (count) => count === concurrentStreams - 2);
    for (const end of ends) end();
    await eventually(open_, (count) => count === 0);
  });

  it('knows a session that was made at the other node', async () => {
    const keys = createSessionKeys();
    const body = JSON.stringify({ publicKey: base64(keys.publicKey) });
    const offerHeaders = await talking!.signMessage({ authority, target: sessionPath, body }, {});
    const made = await send(nodes[0].port, {
      path: sessionPath,
      body,
      headers: { ...offerHeaders, host: authority },
    });
    assert.equal(made.status, 200, made.body);
    const node = String(nodes[0].log.find(({ msg }) => msg === 'node key')?.['address']);
    const offer = JSON.parse(made.body) as OfferedSession;
    const session = await acceptSession(offer, { caller: talking!, keys, node });
    for (const port of doors) {
      const headers = await session.sign({ authority, target: modelsPath }, {});
      const request = { headers: { ...headers, host: authority } };
      assert.equal((await send(port, request)).status, 200);
      const copies = await Promise.all(doors.map((door) => send(door, request)));
      assert.deepEqual([...new Set(copies.map(({ code }) => code))], ['auth_replayed']);
    }
    const kept = (await redis.command('GET', (await sessionKeys())[0]!)) as string;
    assert.equal(Buffer.from(kept, 'base64').includes(Buffer.from(session.key)), false, 'encrypted');
  });
  const sessionKeys = async (): Promise<string[]> => (await redis.command('KEYS', '*:k:*')) as string[];

  it('accepts requests dated before a node started: the store remembers what was served', async () => {
    const home = mkdtempSync(join(tmpdir(), 'fxn-third-'));
    const start = () => startTestNode({ ...stand.nodeOptions, home, pastReplayMark: false });
    // The first start in a home cannot know what was served there before.
    await (await start()).close();
    await nextSecond();
    const [served, unused] = [await patient!.sign(''), await patient!.sign('')];
    assert.equal((await send(nodes[1].port, { headers: served })).status, 200);
    const third = await start();
    try {
      await third.waitForReady();
      assert.equal((await send(third.port, { headers: served })).code, 'auth_replayed');
      assert.equal((await send(third.port, { headers: unused })).status, 200);
    } finally {
      await third.close();
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('refuses while the store hangs, and says so on /ready and in the metrics', async () => {
    redis.signal('SIGSTOP');
    try {
      for (const answer of await both(({ port }) => sendFresh(port))) {
        assert.deepEqual([answer.status, answer.code], [503, 'replay_store_unavailable']);
        assert.equal(answer.headers['retry-after'], '1');
      }
      await eventually(
        () => both((node) => node.metric('fxn_store_up')),
        (up) => up.every((value) => value === 0),
      );
      const ready = await fetch(`${nodes[0].adminUrl}/ready`);
      assert.equal(ready.status, 503);
      const { missing } = (await ready.json()) as { missing: string[] };
      assert.ok(missing.some((reason) => reason.startsWith('store: ')));
      const errors = await nodes[0].metric('fxn_store_errors_total', { kind: 'timeout' });
      assert.ok((errors ?? 0) > 0);
    } finally {
      redis.signal('SIGCONT');
    }
    await untilUsable();
    // It has forgotten nothing, so nothing has to be waited for.
    for (const answer of await both(({ port }) => sendFresh(port))) assert.equal(answer.status, 200);
  });

  it('serves nothing while the store is away, and nothing old when it comes back empty', async () => {
    const headers = await patient!.sign('');
    assert.equal((await send(nodes[0].port, { headers })).status, 200);
    await redis.kill();
    for (const answer of await both(({ port }) => sendFresh(port))) {
      assert.deepEqual([answer.status, answer.code], [503, 'replay_store_unavailable']);
      assert.ok(Number(answer.headers['retry-after']) >= 1);
    }
    for (const copy of await both(({ port }) => send(port, { headers }))) assert.equal(copy.status, 503);

    const atProxy = await eventually(
      () => sendFresh(proxy.port),
      ({ code }) => code === 'no_node',
    );
    assert.deepEqual([atProxy.status, atProxy.headers['retry-after']], [503, '2']);

    await redis.start();
    const codes = new Set<string | undefined>();
    await eventually(
      async () => {
        for (const copy of await both(({ port }) => send(port, { headers }))) {
          assert.notEqual(copy.status, 200);
          codes.add(copy.code);
        }
        return both(({ port }) => sendFresh(port, patient));
      },
      (fresh) => fresh.every(({ status }) => status === 200),
    );
    assert.ok(codes.has('replay_store_unavailable'));
    for (const copy of await both(({ port }) => send(port, { headers }))) {
      // It is not too old: what it is dated before is the store's memory.
      assert.deepEqual([copy.status, copy.code], [401, 'auth_expired']);
      assert.ok(Date.now() / 1_000 - Number(headers['x-timestamp']) < 120);
    }
    assert.ok(nodes[0].log.some(({ msg }) => msg?.startsWith('the shared store cannot be used')));
    assert.ok(nodes[0].log.some(({ msg }) => msg === 'the shared store can be used'));
  });

  it('refuses a store that would evict, with the remedy in the log', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      for (const node of nodes) {
        const line = await node.waitForLog(({ kind }) => kind === 'policy');
        assert.equal(line.level, 'error');
        assert.match(String(line['remedy']), /noeviction/);
        await eventually(
          () => sendFresh(node.port),
          ({ status, code }) => status === 503 && code === 'replay_store_unavailable',
        );
      }
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
    await untilUsable();
    await Promise.all(nodes.map(({ port }) => untilServed(port)));
  });
});

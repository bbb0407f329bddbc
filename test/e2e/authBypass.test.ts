/** The two settings that change who is served: `registry.bypassAuth` and `registry.requireRegistration`. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { createCaller } from '../support/caller.js';
import { startTestNode } from '../support/testNode.js';
import {
  type Answer,
  chatBody,
  modelsPath,
  send,
  sendSigned,
  startTestStand,
  type TestStand,
  untilStatus,
} from '../support/testStand.js';

/** Nobody listens there; for nodes that need neither chain nor backend. */
const deadRpc = 'http://127.0.0.1:9';
const router = `0x${'1'.repeat(40)}`;
const modelBackends = { models: [{ name: 'm', fxnId: '2', backends: [{ url: deadRpc }] }] };
const identity = JSON.stringify({ type: 'IDENTITY', payload: {} });

describe('bypassAuth', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1 }, registry: { bypassAuth: true } } });
  });
  after(() => stand?.close());

  for (const listenAddress of ['0.0.0.0', '::', '192.0.2.1']) {
    it(`is refused when the node listens on ${listenAddress} (the Go node opened all interfaces)`, async () => {
      const started = startTestNode({
        rpcUrls: [deadRpc],
        router,
        modelBackends,
        config: { node: { listenPort: 0, listenAddress }, registry: { bypassAuth: true } },
      });
      await assert.rejects(started, /the node ended with 2\n[\s\S]*registry\.bypassAuth[\s\S]*loopback/);
    });
  }

  it('opens /v1 on loopback', async () => {
    assert.equal((await send(stand.node.port)).status, 200);
    assert.equal((await send(stand.node.port, { body: chatBody })).status, 200);
    const unknown = await send(stand.node.port, { path: '/v1/nothing' });
    assert.deepEqual([unknown.status, unknown.code], [404, 'route_not_found']);
    assert.equal(await stand.node.metric('fxn_auth_requests_total', { outcome: 'bypassed' }), 3);
  });

  it('leaves /challenge to the scheduler (the Go node opened it to all)', async () => {
    const path = '/challenge';
    const unsigned = await send(stand.node.port, { path, body: identity });
    assert.deepEqual([unsigned.status, unsigned.code], [401, 'auth_missing']);
    const byGateway = await sendSigned(stand.node.port, stand.gateway, { path, body: identity });
    assert.deepEqual([byGateway.status, byGateway.code], [401, 'auth_unknown_caller']);
    const byScheduler = await sendSigned(stand.node.port, stand.scheduler, { path, body: identity });
    assert.notEqual(byScheduler.status, 401);
  });
});

describe('listenAddress', () => {
  it('is where the node listens, and nowhere else (the Go node ignored it)', async (t) => {
    const node = await startTestNode({
      rpcUrls: [deadRpc],
      router,
      modelBackends,
      pastReplayMark: false,
      config: { node: { listenPort: 0, listenAddress: '127.0.0.2', threads: 1 } },
    });
    try {
      assert.equal((await fetch(`http://127.0.0.2:${node.port}/health`)).status, 200);
      await assert.rejects(fetch(`http://127.0.0.1:${node.port}/health`));
      const outside = Object.values(networkInterfaces())
        .flat()
        .find((found) => found?.family === 'IPv4' && !found.internal)?.address;
      if (outside === undefined) t.diagnostic('this machine has no other address to try');
      else await assert.rejects(fetch(`http://${outside}:${node.port}/health`));
    } finally {
      await node.close();
    }
  });
});

describe('requireRegistration', () => {
  const provider = createCaller().address;
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({
      config: { node: { threads: 2 }, registry: { requireRegistration: 'refuse', owner: provider } },
    });
  });
  after(() => stand?.close());

  const ask = (): Promise<Answer> => sendSigned(stand.node.port, stand.gateway);
  const assertRefused = (answer: Answer): void => {
    assert.deepEqual([answer.status, answer.code], [503, 'not_registered']);
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
  };

  it('refuse: answers 503 on /v1 while the node is no registered provider', async () => {
    assertRefused(await ask());
    assertRefused(await sendSigned(stand.node.port, stand.gateway, { body: chatBody }));
    assert.equal(await stand.node.metric('fxn_registered'), 0);
  });

  it('refuse: asks strangers for a signature first', async () => {
    const unsigned = await send(stand.node.port, { path: modelsPath });
    assert.deepEqual([unsigned.status, unsigned.code], [401, 'auth_missing']);
  });

  it('refuse: leaves /challenge and /health alone', async () => {
    const challenge = { path: '/challenge', body: identity };
    const answer = await sendSigned(stand.node.port, stand.scheduler, challenge);
    assert.ok(answer.status === 200 || answer.code === 'unknown_type', answer.body);
    assert.equal((await send(stand.node.port, { path: '/health' })).status, 200);
  });

  it('refuse: serves once the owner is registered, and refuses again while it is paused', async () => {
    const id = await stand.network.providers.register(provider);
    await untilStatus(200, ask);
    assert.equal(await stand.node.metric('fxn_registered'), 1);
    await stand.network.providers.pause(id);
    assertRefused(await untilStatus(503, ask));
    assert.equal(await stand.node.metric('fxn_registered'), 0);
    await stand.network.providers.unpause(id);
    await untilStatus(200, ask);
  });

  it('warn: says so in the log and serves', async () => {
    const warned = await startTestNode({
      ...stand.nodeOptions,
      config: { node: { threads: 1 }, registry: { requireRegistration: 'warn' } },
    });
    try {
      const line = await warned.waitForLog(({ msg }) => msg === 'this node is not a registered provider');
      assert.equal(line.level, 'warn');
      await warned.waitForReady();
      assert.equal((await sendSigned(warned.port, stand.gateway)).status, 200);
      assert.equal(await warned.metric('fxn_registered'), 0);
    } finally {
      await warned.close();
    }
  });
});

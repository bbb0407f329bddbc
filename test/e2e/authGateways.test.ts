/** Who a gateway is, as the chain says it, and what callers get while nobody can ask the chain. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Hex, stringToHex } from 'viem';
import { type FaultyRpc, startFaultyRpc } from '../chain/faultyRpc.js';
import { type Caller, createCaller } from '../support/caller.js';
import { createNodeClock } from '../support/nodeClock.js';
import { startTestNode, type TestNode } from '../support/testNode.js';
import {
  type Answer,
  sendSigned,
  startTestStand,
  type TestStand,
  untilStatus,
} from '../support/testStand.js';

/** An owner that signs nothing here. */
const somebody = createCaller().address;

describe('gateway identity', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({
      config: { node: { threads: 2 }, registry: { gateway: { pollInterval: '200ms' } } },
    });
  });
  after(() => stand?.close());

  const ask = (caller: Caller): Promise<Answer> => sendSigned(stand.node.port, caller);
  const assertUnknown = (answer: Answer): void =>
    assert.deepEqual([answer.status, answer.code], [401, 'auth_unknown_caller']);
  /** Resolves once the node has read the chain as it is now: a gateway registered last is known. */
  const poll = async (): Promise<void> => {
    const newest = createCaller();
    await stand.network.gateways.register(newest.address);
    await untilStatus(200, () => ask(newest));
  };
  const register = async (caller: Caller, id: Hex, owner: Hex = somebody): Promise<Hex> => {
    assertUnknown(await ask(caller));
    await stand.network.gateways.register(owner, { id });
    return id;
  };

  const ids: Readonly<Record<string, (address: Hex) => Hex>> = {
    'the id as 20 raw bytes': (address) => address,
    'the id as text with 0x in checksum case': (address) => stringToHex(address),
    'the id as text in lower case': (address) => stringToHex(address.toLowerCase()),
    'the id as text without 0x': (address) => stringToHex(address.slice(2)),
    'the id as text in upper case': (address) => stringToHex(address.slice(2).toUpperCase()),
  };
  for (const [reading, idOf] of Object.entries(ids)) {
    it(`knows a gateway by ${reading}`, async () => {
      const caller = createCaller();
      await register(caller, idOf(caller.address));
      assert.equal((await untilStatus(200, () => ask(caller))).status, 200);
    });
  }

  it('knows a gateway by its owner, whatever its id says', async () => {
    const caller = createCaller();
    await register(caller, '0xff00ff', caller.address);
    assert.equal((await untilStatus(200, () => ask(caller))).status, 200);
  });

  it('does not find an address inside a longer or shorter id', async () => {
    const caller = createCaller();
    const bare = caller.address.slice(2);
    for (const id of [`0x${'0'.repeat(24)}${bare}`, `0x${bare}00`, stringToHex(`0x${bare} `)] as Hex[]) {
      await stand.network.gateways.register(somebody, { id });
    }
    await poll();
    assertUnknown(await ask(caller));
  });

  it('refuses a paused gateway from the next poll on, and accepts it again when it is unpaused', async () => {
    const caller = createCaller();
    const id = await register(caller, caller.address);
    await untilStatus(200, () => ask(caller));
    await stand.network.gateways.pause(id);
    assertUnknown(await untilStatus(401, () => ask(caller)));
    await stand.network.gateways.unpause(id);
    await untilStatus(200, () => ask(caller));
  });

  it('accepts an address while any unpaused entry names it', async () => {
    const caller = createCaller();
    const first = await register(caller, '0x01a1', caller.address);
    const second = await stand.network.gateways.register(caller.address, { id: '0x01a2' });
    const third = await stand.network.gateways.register(somebody, { id: caller.address });
    await stand.network.gateways.pause(first);
    await stand.network.gateways.pause(second);
    await poll();
    assert.equal((await ask(caller)).status, 200);
    await stand.network.gateways.pause(third);
    assertUnknown(await untilStatus(401, () => ask(caller)));
  });

  it('refuses a gateway that left the registry', async () => {
    const caller = createCaller();
    const id = await register(caller, caller.address);
    await untilStatus(200, () => ask(caller));
    await stand.network.gateways.unregister(id);
    assertUnknown(await untilStatus(401, () => ask(caller)));
  });

  it('accepts the scheduler, which no registry names', async () => {
    assert.equal((await ask(stand.scheduler)).status, 200);
  });
});

describe('while no RPC endpoint answers', () => {
  const clock = createNodeClock();
  const startS = Math.floor(Date.now() / 1000);
  const home = mkdtempSync(join(tmpdir(), 'fxn-rpc-'));
  let nowS = startS;
  let stand: TestStand;
  let rpc: FaultyRpc;
  let node: TestNode;

  const moveTo = (unixSeconds: number): void => {
    nowS = unixSeconds;
    clock.stopAt(nowS);
  };
  const ask = (caller: Caller): Promise<Answer> =>
    sendSigned(node.port, caller, { sign: { timestamp: nowS } });
  const assertUnavailable = (answer: Answer): void => {
    assert.deepEqual([answer.status, answer.code], [503, 'registry_unavailable']);
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
  };
  const missing = async (): Promise<string> => {
    const response = await fetch(`${node.adminUrl}/ready`);
    assert.equal(response.status, 503);
    return response.text();
  };

  before(async () => {
    moveTo(startS);
    stand = await startTestStand();
    await stand.node.close();
    rpc = await startFaultyRpc(stand.network.rpcUrl);
    rpc.misbehave('drop_connection');
    node = await startNode();
    moveTo(startS + 1);
  });
  after(async () => {
    await node?.close();
    await rpc?.close();
    await stand?.close();
    clock.remove();
    rmSync(home, { recursive: true, force: true });
  });

  const startNode = (): Promise<TestNode> =>
    startTestNode({
      ...stand.nodeOptions,
      home,
      rpcUrls: [rpc.url],
      env: clock.env,
      pastReplayMark: false,
      config: { registry: { maxStaleness: '5m' } },
    });

  it('gateways get 503 with Retry-After when the registry was never read, and /ready says why', async () => {
    assertUnavailable(await ask(stand.gateway));
    assert.match(await missing(), /gateway registry/);
  });

  it('the scheduler is served all the same', async () => {
    assert.equal((await ask(stand.scheduler)).status, 200);
  });

  it('the node recovers by itself when the RPC comes up (the Go node stayed empty for ever)', async () => {
    assertUnavailable(await ask(stand.gateway));
    rpc.misbehave('none');
    assert.equal((await untilStatus(200, () => ask(stand.gateway))).status, 200);
    await node.waitForReady();
  });

  it('what was read goes on counting until maxStaleness, and authorises nobody afterwards', async () => {
    rpc.misbehave('server_error');
    const readBefore = nowS;
    moveTo(readBefore + 299);
    assert.equal((await ask(stand.gateway)).status, 200);
    moveTo(readBefore + 301);
    assertUnavailable(await ask(stand.gateway));
    assertUnavailable(await ask(createCaller()));
    assert.equal((await ask(stand.scheduler)).status, 200);
    assert.match(await missing(), /gateway registry/);
    assert.ok(((await node.metric('fxn_registry_age_seconds', { registry: 'gateway' })) ?? 0) >= 301);
  });

  it('a stale registry is believed again after the next good read', async () => {
    rpc.misbehave('none');
    await untilStatus(200, () => ask(stand.gateway));
  });

  it('a node that restarts during the outage serves from its last good snapshot', async () => {
    await node.waitForReady();
    await node.close();
    rpc.misbehave('drop_connection');
    node = await startNode();
    moveTo(nowS + 1);
    assert.equal((await untilStatus(200, () => ask(stand.gateway))).status, 200);
    assert.equal((await ask(createCaller())).code, 'auth_unknown_caller');
    moveTo(nowS + 301);
    assertUnavailable(await ask(stand.gateway));
  });
});

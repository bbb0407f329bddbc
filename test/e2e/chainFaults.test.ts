/**
 * RPC endpoints that misbehave, seen from a running node: what callers get, what `/ready` and the metrics say, that no
 * change on chain is lost or taken back, and that failing polls cost neither sockets nor memory.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type FaultyRpc, type RpcFault, startFaultyRpc } from '../chain/faultyRpc.js';
import { startTestNetwork, type TestNetwork, textId } from '../chain/network.js';
import { eventually } from '../support/bypassNode.js';
import { type Caller, createCaller } from '../support/caller.js';
import { startTestNode, type TestNode } from '../support/testNode.js';
import { type Answer, createScheduler, sendSigned, untilStatus } from '../support/testStand.js';

const nobody = { models: [{ name: 'm', backends: [{ url: 'http://127.0.0.1:9' }] }] };
const polls = (interval: string) => ({
  gateway: { pollInterval: interval },
  provider: { pollInterval: interval },
});

interface Ready {
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly rpcEndpoints: readonly {
    readonly state: string;
    readonly failure?: string;
    readonly reason?: string;
  }[];
}
const readyOf = async (node: TestNode): Promise<Ready> =>
  (await (await fetch(`${node.adminUrl}/ready`)).json()) as Ready;

/** With the kind under which the node counts it where it is the only endpoint. */
const faults: readonly (readonly [fault: RpcFault, kind: string])[] = [
  ['drop_connection', 'unreachable'],
  ['hang', 'timeout'],
  ['rate_limit', 'rate_limited'],
  ['rate_limit_in_body', 'rate_limited'],
  ['server_error', 'http_error'],
  ['garbage', 'bad_response'],
  ['wrong_shape', 'bad_response'],
  ['nonsense_results', 'bad_response'],
  ['endless', 'too_large'],
  ['wrong_chain', 'wrong_chain'],
  ['lag', 'old_head'],
];
const lagBlocks = 6;

describe('chain faults', () => {
  let network: TestNetwork;
  before(async () => {
    network = await startTestNetwork();
  });
  after(() => network?.close());

  const register = async (): Promise<Caller> => {
    const caller = createCaller();
    await network.gateways.register(caller.address);
    return caller;
  };
  const start = (rpcUrls: readonly string[], registry: object): Promise<TestNode> =>
    startTestNode({
      rpcUrls,
      router: network.routerAddress,
      modelBackends: nobody,
      config: { node: { threads: 1 }, registry: { ...polls('50ms'), ...registry } },
    });
  const asker = (node: TestNode) => (caller: Caller) => sendSigned(node.port, caller);
  const assertStatus = (answer: Answer, status: number, code?: string): void =>
    assert.deepEqual([answer.status, answer.code], [status, code]);

  describe('of the only RPC endpoint', () => {
    let rpc: FaultyRpc;
    let node: TestNode;
    before(async () => {
      rpc = await startFaultyRpc(network.rpcUrl);
      node = await start([rpc.url], {});
    });
    after(async () => {
      await node?.close();
      await rpc?.close();
    });
    const failures = async (kind: string) =>
      (await node.metric('fxn_registry_refresh_failures_total', { registry: 'gateway', kind })) ?? 0;

    for (const [fault, kind] of faults) {
      it(`"${fault}": the last good snapshot serves, is counted as ${kind}, and changes come through afterwards`, async () => {
        const ask = asker(node);
        const [stays, leaves] = [await register(), await register()];
        await untilStatus(200, () => ask(stays));
        await untilStatus(200, () => ask(leaves));
        await network.mine(lagBlocks);
        const blockBefore = await network.blockNumber();
        await eventually(
          () => node.metric('fxn_registry_block_number', { registry: 'gateway' }),
          (block) => block === blockBefore,
        );

        const before = await failures(kind);
        rpc.misbehave(fault, lagBlocks);
        await eventually(
          () => failures(kind),
          (count) => count > before,
        );
        const comes = await register();
        await network.gateways.unregister(textId(leaves.address));
        const count = await failures(kind);
        if (fault !== 'lag') {
          await eventually(
            () => failures(kind),
            (now) => now > count,
          );
        }
        assertStatus(await ask(stays), 200);
        assertStatus(await ask(leaves), 200);
        assertStatus(await ask(comes), 401, 'auth_unknown_caller');
        const { missing, rpcEndpoints } = await readyOf(node);
        assert.deepEqual(missing, ['backends: none answers']);
        if (fault !== 'lag') {
          assert.equal(await node.metric('fxn_rpc_up', { rpc: '0' }), 0);
          assert.equal(rpcEndpoints[0]?.failure, kind);
          assert.doesNotMatch(String(rpcEndpoints[0]?.reason), /:\/\//);
        }

        rpc.misbehave('none');
        await untilStatus(200, () => ask(comes));
        await untilStatus(401, () => ask(leaves));
        assertStatus(await ask(stays), 200);
        await eventually(
          () => node.metric('fxn_rpc_up', { rpc: '0' }),
          (isUp) => isUp === 1,
        );
      });
    }

    it('"alternate": what was seen at the newer head is never taken back', async () => {
      const ask = asker(node);
      const [leaves, comes] = [await register(), createCaller()];
      await untilStatus(200, () => ask(leaves));
      await network.mine(lagBlocks);
      rpc.misbehave('alternate', lagBlocks);
      await network.gateways.register(comes.address);
      await network.gateways.unregister(textId(leaves.address));
      await untilStatus(200, () => ask(comes));
      await untilStatus(401, () => ask(leaves));
      const asked = () => rpc.seen.get('eth_getBlockByNumber') ?? 0;
      const from = asked();
      while (asked() < from + 12) {
        assertStatus(await ask(comes), 200);
        assertStatus(await ask(leaves), 401, 'auth_unknown_caller');
      }
      rpc.misbehave('none');
    });
  });

  describe('of one endpoint beside a healthy one', () => {
    let rpc: FaultyRpc;
    let node: TestNode;
    before(async () => {
      rpc = await startFaultyRpc(network.rpcUrl);
      node = await start([rpc.url, network.rpcUrl], {});
    });
    after(async () => {
      await node?.close();
      await rpc?.close();
    });

    for (const fault of [...faults.map(([name]) => name), 'alternate', 'ignore_block'] as const) {
      it(`"${fault}": additions and removals count as if nothing were wrong`, async () => {
        const ask = asker(node);
        const leaves = await register();
        await untilStatus(200, () => ask(leaves));
        rpc.misbehave(fault, lagBlocks);
        await network.mine(lagBlocks);
        const comes = await register();
        await network.gateways.unregister(textId(leaves.address));
        await untilStatus(200, () => ask(comes));
        await untilStatus(401, () => ask(leaves));
        assertStatus(await ask(comes), 200);
        assert.deepEqual((await readyOf(node)).missing, ['backends: none answers']);
        await eventually(
          () => node.metric('fxn_rpc_up', { rpc: '1' }),
          (isUp) => isUp === 1,
        );
        if (!['lag', 'alternate', 'ignore_block'].includes(fault)) {
          await eventually(
            () => node.metric('fxn_rpc_up', { rpc: '0' }),
            (isUp) => isUp === 0,
          );
        }
        rpc.misbehave('none');
      });
    }
  });

  it('that outlast maxStaleness leave nobody authorised but the scheduler, and say why', async () => {
    const rpc = await startFaultyRpc(network.rpcUrl);
    const node = await start([rpc.url], { maxStaleness: '2s' });
    try {
      const ask = asker(node);
      const caller = await register();
      for (const [fault, words] of [
        ['hang', /in time/],
        ['wrong_chain', /chain 1\b/],
        ['garbage', /not JSON-RPC/],
        ['rate_limit', /limits our rate/],
        ['lag', /older|below|behind/],
      ] as const) {
        rpc.misbehave('none');
        await untilStatus(200, () => ask(caller));
        await network.mine(lagBlocks);
        const head = await network.blockNumber();
        // Both: to one that has not come so far an older head is new.
        for (const registry of ['gateway', 'provider']) {
          await eventually(
            () => node.metric('fxn_registry_block_number', { registry }),
            (block) => block === head,
          );
        }
        rpc.misbehave(fault, lagBlocks);
        const refused = await untilStatus(503, () => ask(caller));
        assert.equal(refused.code, 'registry_unavailable');
        assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
        assertStatus(await ask(createScheduler()), 200);
        const { ready } = await eventually(
          () => readyOf(node),
          ({ missing }) =>
            ['gateway', 'provider'].every((registry) =>
              missing.some((part) => part.startsWith(`${registry} registry: `) && words.test(part)),
            ),
        );
        assert.equal(ready, false);
      }
    } finally {
      await node.close();
      await rpc.close();
    }
  });

  it('in hundreds of polls hold neither sockets nor memory', async () => {
    const rpc = await startFaultyRpc(network.rpcUrl);
    const node = await start([rpc.url], polls('5ms'));
    try {
      const caller = await register();
      await untilStatus(200, () => asker(node)(caller));
      const asked = () => rpc.seen.get('eth_getBlockByNumber') ?? 0;
      const pollsUnder = async (fault: RpcFault, count: number): Promise<void> => {
        rpc.misbehave(fault);
        const from = asked();
        await eventually(asked, (now) => now >= from + count);
      };
      const rss = async () => (await node.metric('process_resident_memory_bytes')) ?? 0;
      // The first ones fill caches and make room in the heap.
      for (const fault of ['garbage', 'drop_connection', 'rate_limit'] as const) await pollsUnder(fault, 60);
      const before = await rss();
      const growths: number[] = [];
      for (const fault of ['garbage', 'drop_connection', 'rate_limit', 'server_error'] as const) {
        await pollsUnder(fault, 120);
        // Two questions at a time; a few more while connections close.
        assert.ok((await rpc.connections()) <= 8, `${await rpc.connections()} connections after ${fault}`);
        // The collector of garbage lets memory rise and fall: what is held for good shows in the valleys.
        growths.push((await rss()) - before);
      }
      const grown = Math.min(...growths.slice(-2));
      assert.ok(grown < 96 * 2 ** 20, `grew by ${grown >> 20} MiB in 480 failing polls`);
      // Each of these is cut off at 64 MiB: what stayed of them would be half a gigabyte.
      await pollsUnder('endless', 8);
      rpc.misbehave('none');
      await untilStatus(200, () => asker(node)(caller));
      const afterwards = await eventually(rss, (bytes) => bytes - before < 400 * 2 ** 20, 20_000);
      assert.ok(afterwards > 0);
      await eventually(
        () => rpc.connections(),
        (count) => count <= 4,
      );
    } finally {
      await node.close();
      await rpc.close();
    }
  });
});

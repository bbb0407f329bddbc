import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Hex } from 'viem';
import { type ChainFailureKind, chainFailureKind } from '#src/contracts/chainFailure.js';
import { type RegistryReadRequest, readRegistry } from '#src/contracts/readRegistry.js';
import { gatewayKind, providerKind } from '#src/contracts/registryKinds.js';
import { createRpcEndpoints, type RpcEndpoints } from '#src/contracts/rpcEndpoints.js';
import type { NodeError } from '#src/errors/nodeError.js';
import { type FaultyRpc, startFaultyRpc } from '#test/chain/faultyRpc.js';
import { startTestNetwork, type TestNetwork, textId } from '#test/chain/network.js';

const alice = '0xa11ce00000000000000000000000000000000001';
const bob = '0xb0b0000000000000000000000000000000000002';
const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

interface Chain {
  readonly network: TestNetwork;
  readonly rpc: FaultyRpc;
  request(overrides?: Partial<RegistryReadRequest>): RegistryReadRequest;
}

async function startChain(multicall: boolean): Promise<Chain> {
  const network = await startTestNetwork({ multicall });
  closers.push(network.close);
  const rpc = await startFaultyRpc(network.rpcUrl);
  closers.push(rpc.close);
  const endpoints = endpointsOf(rpc.url);
  const request = (overrides: Partial<RegistryReadRequest> = {}): RegistryReadRequest => ({
    endpoints,
    router: network.routerAddress,
    kind: gatewayKind,
    confirmations: 0,
    floor: undefined,
    expectedRegistry: undefined,
    ...overrides,
  });
  return { network, rpc, request };
}

const endpointsOf = (...urls: string[]): RpcEndpoints =>
  createRpcEndpoints({ urls, chainId: 84_532, callTimeoutMs: 60_000, headTimeoutMs: 60_000 });

const failsWith =
  (kind: ChainFailureKind, says = /./) =>
  (error: unknown) => {
    assert.equal(chainFailureKind(error), kind);
    assert.match((error as NodeError).message, says);
    return true;
  };

const chains = { multicall: await startChain(true), separate: await startChain(false) };

for (const [name, { network, rpc, request }] of Object.entries(chains)) {
  test(`a read has the entries, the registry and the block it is pinned to (${name})`, async () => {
    const id = await network.gateways.register(alice);
    const callsBefore = rpc.seen.get('eth_call') ?? 0;
    const read = await readRegistry(request({ expectedRegistry: network.gateways.address as Hex }));
    assert.deepEqual(read.entries, [{ owner: alice, id, paused: false }]);
    assert.equal(read.registry, network.gateways.address);
    assert.equal(read.block.number, await network.blockNumber());
    assert.equal((rpc.seen.get('eth_call') ?? 0) - callsBefore, name === 'multicall' ? 1 : 3);
  });

  test(`a paused entry is listed as paused (${name})`, async () => {
    await network.gateways.pause(textId(alice));
    assert.deepEqual((await readRegistry(request())).entries, [
      { owner: alice, id: textId(alice), paused: true },
    ]);
    await network.gateways.unpause(textId(alice));
    assert.equal((await readRegistry(request())).entries[0]?.paused, false);
  });

  test(`a Router that names another registry is followed in the same read (${name})`, async () => {
    const second = await network.deployGatewayRegistry();
    await second.register(bob);
    await network.nameGatewayRegistry(second.address);
    const read = await readRegistry(request({ expectedRegistry: network.gateways.address as Hex }));
    assert.equal(read.registry, second.address);
    assert.deepEqual(
      read.entries.map(({ owner }) => owner),
      [bob],
    );
    await network.nameGatewayRegistry(network.gateways.address);
  });

  test(`a Router that names the zero address or an address without code is a clear error (${name})`, async () => {
    await network.nameGatewayRegistry();
    await assert.rejects(readRegistry(request()), failsWith('no_contract', /zero address/));
    await network.nameGatewayRegistry(bob);
    await assert.rejects(
      readRegistry(request()),
      failsWith('no_contract', /no contract at the gateway registry/),
    );
    await assert.rejects(
      readRegistry(request({ router: alice })),
      failsWith('no_contract', /no contract at the Router.*routerSmartContractAddress/),
    );
    await network.nameGatewayRegistry(network.gateways.address);
  });

  test(`a Router that is another kind of contract is a clear error (${name})`, async () => {
    const router = network.providers.address as Hex;
    await assert.rejects(readRegistry(request({ router })), failsWith('reverted', /Router.*refused/));
  });

  test(`a block that was replaced while it was read makes no read (${name})`, async () => {
    await network.mine(3);
    rpc.interrupt('eth_call', async () => {
      await network.dropBlocks(2);
      await network.gateways.pause(textId(alice));
      await network.gateways.unpause(textId(alice));
    });
    await assert.rejects(readRegistry(request()), failsWith('unpinned'));
    await readRegistry(request());
  });

  test(`a head below one already seen makes no read and names the remedy (${name})`, async () => {
    const { timestampS } = (await readRegistry(request())).block;
    const number = (await network.blockNumber()) + 5;
    const floor = { number, timestampS, remedy: 'delete that file.' };
    await assert.rejects(
      readRegistry(request({ floor })),
      failsWith('old_head', /already read.*delete that file/),
    );
    assert.ok(await readRegistry(request({ floor: { ...floor, number: await network.blockNumber() } })));
  });

  test(`additions wait for confirmations, removals do not (${name})`, async () => {
    await network.mine(5);
    const carol = '0xca70100000000000000000000000000000000003';
    const owners = async (): Promise<string[]> =>
      (await readRegistry(request({ confirmations: 3 }))).entries
        .filter(({ paused }) => !paused)
        .map(({ owner }) => owner);
    const id = await network.gateways.register(carol);
    assert.deepEqual(await owners(), [alice]);
    assert.equal((await readRegistry(request({ confirmations: 3 }))).pendingEntries, 1);
    await network.mine(2);
    assert.deepEqual(await owners(), [alice]);
    await network.mine(1);
    assert.deepEqual(await owners(), [alice, carol]);

    await network.gateways.pause(id);
    assert.deepEqual(await owners(), [alice]);
    await network.mine(3);
    await network.gateways.unpause(id);
    assert.deepEqual(await owners(), [alice]);
    await network.mine(3);
    assert.deepEqual(await owners(), [alice, carol]);
    await network.gateways.unregister(id);
    assert.deepEqual(await owners(), [alice]);
  });

  test(`confirmations reach back before the contracts existed without an error (${name})`, async () => {
    const confirmations = (await network.blockNumber()) + 10;
    assert.deepEqual((await readRegistry(request({ confirmations }))).entries, []);
    const beforeRouter = await network.blockNumber();
    assert.deepEqual((await readRegistry(request({ confirmations: beforeRouter }))).entries, []);
  });

  test(`providers are read the same way (${name})`, async () => {
    const id = await network.providers.register(bob, { modelId: 7 });
    assert.deepEqual((await readRegistry(request({ kind: providerKind }))).entries, [
      { owner: bob, id, paused: false },
    ]);
  });
}

test('an answer from another block than the pinned one is noticed', async () => {
  const { network, rpc, request } = chains.multicall;
  await network.mine(4);
  rpc.misbehave('ignore_block', 2);
  await assert.rejects(readRegistry(request()), failsWith('unpinned'));
  rpc.misbehave('none');
});

test('a read moves on to the next endpoint when calls hang at the first', async () => {
  const { network, rpc, request } = chains.multicall;
  rpc.misbehave('hang_on_calls');
  const endpoints = createRpcEndpoints({
    urls: [rpc.url, network.rpcUrl],
    chainId: 84_532,
    // Also what the endpoint that answers may take.
    callTimeoutMs: 2_000,
  });
  const read = await readRegistry(request({ endpoints }));
  assert.equal(read.endpoint, 1);
  assert.equal(endpoints.health()[0]?.failure, 'timeout');
  rpc.misbehave('none');
});

test('an endpoint whose head went back is passed over for one that is up to date', async () => {
  const { network, rpc, request } = chains.multicall;
  const { number, timestampS } = (await readRegistry(request())).block;
  const floor = { number, timestampS, remedy: '' };
  rpc.misbehave('lag', 2);
  const read = await readRegistry(request({ endpoints: endpointsOf(rpc.url, network.rpcUrl), floor }));
  assert.equal(read.endpoint, 1);
  rpc.misbehave('none');
});

test('closing the endpoints calls a hanging read off', async () => {
  const { rpc, request } = chains.multicall;
  rpc.misbehave('hang');
  const endpoints = createRpcEndpoints({ urls: [rpc.url], chainId: 84_532, headTimeoutMs: 60_000 });
  const reading = readRegistry(request({ endpoints }));
  setImmediate(() => endpoints.close());
  await assert.rejects(reading, failsWith('aborted'));
  rpc.misbehave('none');
});

test('a failed read says what every endpoint said', async () => {
  const { rpc, request } = chains.multicall;
  rpc.misbehave('server_error');
  const endpoints = endpointsOf(rpc.url, 'http://127.0.0.1:1');
  await assert.rejects(readRegistry(request({ endpoints })), (error) => {
    const said = (error as NodeError).meta['endpoints'] as { failure: string }[];
    return said.map(({ failure }) => failure).join() === 'http_error,unreachable';
  });
  rpc.misbehave('none');
});

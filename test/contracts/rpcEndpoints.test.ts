import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { type ChainFailureKind, chainFailureKind } from '#src/contracts/chainFailure.js';
import { createRpcEndpoints, type RpcEndpoints } from '#src/contracts/rpcEndpoints.js';
import { startAnvil } from '#test/chain/anvil.js';
import { type RpcFault, startFaultyRpc } from '#test/chain/faultyRpc.js';
import { startLyingRpc } from './lyingRpc.js';

const anvil = await startAnvil();
const first = await startFaultyRpc(anvil.url);
const second = await startFaultyRpc(anvil.url);
const liar = await startLyingRpc(anvil.url);
after(async () => {
  await Promise.all([first.close(), second.close(), liar.close()]);
  await anvil.close();
});
for (let i = 0; i < 20; i++) {
  await fetch(anvil.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'evm_mine', params: [] }),
  });
}

/** Long enough for an endpoint that does answer, on a busy machine too. */
const headTimeoutMs = 3_000;

const open = (...urls: string[]): RpcEndpoints =>
  createRpcEndpoints({ urls, chainId: 84_532, headTimeoutMs, maxResponseBytes: 100_000 });

const faults: readonly (readonly [RpcFault, ChainFailureKind])[] = [
  ['hang', 'timeout'],
  ['rate_limit', 'rate_limited'],
  ['rate_limit_in_body', 'rate_limited'],
  ['server_error', 'http_error'],
  ['garbage', 'bad_response'],
  ['wrong_shape', 'bad_response'],
  ['nonsense_results', 'bad_response'],
  ['endless', 'too_large'],
  ['wrong_chain', 'wrong_chain'],
  ['drop_connection', 'unreachable'],
];

for (const [fault, kind] of faults) {
  test(`an endpoint with the fault "${fault}" is left out as ${kind} until it behaves again`, async () => {
    first.misbehave(fault);
    const endpoints = open(first.url, second.url);
    assert.deepEqual(
      (await endpoints.rank()).map(({ index }) => index),
      [1],
    );
    assert.equal(endpoints.health()[0]?.failure, kind);
    await assert.rejects(open(first.url).rank(), (error) => chainFailureKind(error) === kind);

    first.misbehave('none');
    assert.deepEqual(
      (await endpoints.rank()).map(({ index }) => index),
      [0, 1],
    );
    assert.equal(endpoints.health()[0]?.state, 'ok');
  });
}

test('endpoints a little behind keep the order of the operator, laggards go last', async () => {
  const endpoints = open(first.url, second.url);
  first.misbehave('lag', 2);
  assert.deepEqual(
    (await endpoints.rank()).map(({ index }) => index),
    [0, 1],
  );
  first.misbehave('lag', 10);
  assert.deepEqual(
    (await endpoints.rank()).map(({ index }) => index),
    [1, 0],
  );
  assert.equal(endpoints.health()[0]?.state, 'lagging');
  first.misbehave('none');
});

test('an endpoint that claims a block far above all others is asked last and not called healthy', async () => {
  liar.lie({ blocks: 0xffffffffff });
  const endpoints = open(liar.url, first.url);
  assert.deepEqual(
    (await endpoints.rank()).map(({ index, isDoubted }) => [index, isDoubted]),
    [
      [1, false],
      [0, true],
    ],
  );
  const [doubted, trusted] = endpoints.health();
  assert.equal(doubted?.state, 'failed');
  assert.equal(doubted.failure, 'implausible_head');
  assert.match(doubted.reason ?? '', /does not fit the newest blocks of the other/);
  assert.equal(trusted?.state, 'ok');
  liar.lie();
  await endpoints.rank();
  assert.equal(endpoints.health()[0]?.state, 'ok');
});

test('why an endpoint cannot be reached is said by its code', async () => {
  await assert.rejects(open('http://127.0.0.1:1').rank(), /cannot be reached \(\w+\)/);
  const closed = await startFaultyRpc(anvil.url);
  await closed.close();
  await assert.rejects(open(closed.url).rank(), /cannot be reached \(ECONNREFUSED\)/);
  await assert.rejects(open('http://nowhere.invalid').rank(), /cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/);
});

test('an endpoint of another chain is named with both chain ids', async () => {
  first.misbehave('wrong_chain');
  await assert.rejects(open(first.url).rank(), /chain 1, but this node is configured for chain 84532/);
  first.misbehave('none');
});

test('no error and no health report holds more of a URL than its scheme and host', async () => {
  const url = new URL('/v2/PATHKEY?apikey=QUERYKEY', first.url);
  url.username = 'USERNAME';
  url.password = 'PASSWORD';
  const unreachable = 'http://USERNAME:PASSWORD@127.0.0.1:1/v2/PATHKEY?apikey=QUERYKEY';
  for (const [fault] of faults) {
    first.misbehave(fault);
    const endpoints = open(url.href, unreachable);
    const error = await endpoints.rank().then(
      () => assert.fail('it ranked'),
      (thrown: unknown) => thrown,
    );
    const shown = inspect([error, endpoints.health()], { depth: 20, showHidden: true });
    assert.doesNotMatch(shown, /PATHKEY|QUERYKEY|USERNAME|PASSWORD/);
    assert.match(shown, /127\.0\.0\.1/);
  }
  first.misbehave('none');
  assert.equal((await open(url.href).rank()).length, 1, 'a URL with credentials works');
});

test('ranks asked for at the same time share one round of questions', async () => {
  const endpoints = open(first.url);
  const before = first.seen.get('eth_chainId') ?? 0;
  await Promise.all([endpoints.rank(), endpoints.rank()]);
  assert.equal((first.seen.get('eth_chainId') ?? 0) - before, 1);
});

/** What `fxn provider` does not do, and what it says instead: before anything is sent. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Address, encodeFunctionData, parseAbi } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { compiledContracts } from '#test/chain/network.js';
import { type CommandResult, type ProviderHome, startProviderStand } from './providerStand.js';

const stand = await startProviderStand();
after(() => stand.close());
const { network, staking, rpc } = stand;

const sent = (): number => rpc.seen.get('eth_sendRawTransaction') ?? 0;
const noncesUsed = async ({ account }: ProviderHome): Promise<number> =>
  Number(await stand.ask('eth_getTransactionCount', account.address, 'latest'));

function assertRefused({ code, err }: CommandResult, exitCode: 1 | 2, words: RegExp): void {
  assert.match(err, words);
  assert.equal(code, exitCode, err);
  assert.doesNotMatch(err, /^\s+at /m, 'no stack');
}

const strangerAddress = (): Address => privateKeyToAccount(generatePrivateKey()).address;

test('without a terminal it asks for --yes or --unsigned, and no endpoint hears of it', async (t) => {
  const home = await stand.home(t, { rpc: [rpc.url] });
  const before = [...rpc.seen.values()].reduce((sum, count) => sum + count, 0);
  for (const action of ['register', 'stake', 'update', 'pause', 'unpause']) {
    assertRefused(await home.run(action), 2, /no terminal to confirm on: add --yes .* or --unsigned/);
  }
  assertRefused(await home.run('claim', '--from-epoch', '1'), 2, /no terminal to confirm on/);
  assert.equal(
    [...rpc.seen.values()].reduce((sum, count) => sum + count, 0),
    before,
  );
});

test('an endpoint of another chain is asked for nothing else', async (t) => {
  const home = await stand.home(t, { rpc: [rpc.url], chainId: 1 });
  const calls = rpc.seen.get('eth_call') ?? 0;
  for (const words of [['register', '--yes'], ['register', '--unsigned'], ['status']]) {
    const result = await home.run(...words);
    assertRefused(
      result,
      1,
      /serves chain 84532, but this node is configured for chain 1: correct rpcProvider or chainId/,
    );
  }
  assert.equal(rpc.seen.get('eth_call') ?? 0, calls);
});

test('a dead endpoint is named without the key in its URL, and another one alone is not believed', async (t) => {
  const dead = await freePort();
  const url = `http://127.0.0.1:${dead}/v2/secret-key`;
  const home = await stand.home(t, { rpc: [url] });
  const { code, err, out } = await home.run('register', '--yes', '--json');
  assert.equal(code, 1);
  assert.match(err, new RegExp(`http://127\\.0\\.0\\.1:${dead}: .*ECONNREFUSED`));
  assert.doesNotMatch(err + out, /secret-key/);
  assert.deepEqual(Object.keys(JSON.parse(out) as object), ['action', 'result', 'error']);
  assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'rpc_failed');

  const both = await stand.home(t, { rpc: [url, network.rpcUrl] });
  for (const words of [
    ['register', '--yes'],
    ['register', '--unsigned'],
  ]) {
    const refused = await both.run(...words);
    assertRefused(
      refused,
      1,
      new RegExp(
        `Of 2 RPC endpoints only one said which contracts to use, .*Nothing was sent\\. .*remove them from rpcProvider:\\n {2}http://127\\.0\\.0\\.1:${dead}: `,
      ),
    );
    assert.doesNotMatch(refused.err, /secret-key/);
  }
  assert.equal(await noncesUsed(both), 0);
  const three = await stand.home(t, { rpc: [url, rpc.url, network.rpcUrl] });
  const registered = await three.run('register', '--yes');
  assert.equal(registered.code, 0, registered.err);
});

test('an endpoint that fails when it is asked for the contracts leaves the other one alone', async (t) => {
  const home = await stand.home(t, { rpc: [network.rpcUrl, rpc.url] });
  rpc.misbehave('hang_on_calls');
  t.after(() => rpc.misbehave('none'));
  assertRefused(
    await home.run('register', '--yes'),
    1,
    new RegExp(`only one said which contracts to use, .*\\n {2}${rpc.url}: .*did not answer in time`),
  );
  assert.equal(await noncesUsed(home), 0);
});

test('an endpoint that lies in batches only is contradicted by itself and by others', async (t) => {
  const { ProviderRegistry } = await compiledContracts();
  const own = (await network.send(undefined, ProviderRegistry.bytecode))!;
  const setStaking = parseAbi(['function setStaking(address to)']);
  await network.send(own, encodeFunctionData({ abi: setStaking, args: [staking.pool] }));
  t.after(() => rpc.replaceInBatches('', ''));
  for (const [endpoints, words] of [
    [[rpc.url], /contradicts itself .*Nothing was sent/],
    [[rpc.url, network.rpcUrl], /name different contracts .*Nothing was sent/],
  ] as const) {
    const home = await stand.home(t, { rpc: endpoints });
    rpc.replaceInBatches(network.providers.address.slice(2), own.slice(2));
    assertRefused(await home.run('register', '--yes'), 1, words);
    assertRefused(await home.run('register', '--unsigned'), 1, words);
    // The registry is the right one, but not where the stake would go.
    const registered = await stand.home(t, { rpc: endpoints });
    await network.providers.register(registered.account.address);
    rpc.replaceInBatches(staking.pool.slice(2).toLowerCase(), own.slice(2));
    assertRefused(await registered.run('stake', '--yes'), 1, words);
    assert.equal((await noncesUsed(home)) + (await noncesUsed(registered)), 0);
  }
});

test('an endpoint that names contracts of its own is not believed against another one', async (t) => {
  const { ProviderRegistry } = await compiledContracts();
  const own = (await network.send(undefined, ProviderRegistry.bytecode))!;
  // The stranger's registry takes the real token.
  const setStaking = parseAbi(['function setStaking(address to)']);
  await network.send(own, encodeFunctionData({ abi: setStaking, args: [staking.pool] }));
  const home = await stand.home(t, { rpc: [rpc.url, network.rpcUrl] });
  rpc.replaceInCalls(network.providers.address.slice(2), own.slice(2));
  t.after(() => rpc.replaceInCalls('', ''));
  for (const words of [
    ['register', '--yes'],
    ['register', '--unsigned'],
  ]) {
    assertRefused(
      await home.run(...words),
      1,
      /name different contracts .* one of them is wrong or lies\. Nothing was sent/,
    );
  }
  assert.equal(await noncesUsed(home), 0);
});

test('an endpoint that hangs ends in an error, not in waiting', async (t) => {
  rpc.misbehave('hang');
  t.after(() => rpc.misbehave('none'));
  const home = await stand.home(t, { rpc: [rpc.url] });
  assertRefused(await home.run('status'), 1, /did not answer in time/);
});

test('says how much ETH is missing, and still prints the transactions for another signer', async (t) => {
  const home = await stand.home(t, { ether: '0.0000001' });
  const { address } = home.account;
  const result = await home.run('register', '--yes');
  assertRefused(
    result,
    1,
    new RegExp(`cost at most 0\\.\\d+ ETH, but ${address} holds 0\\.0000001 ETH: send at least 0\\.\\d+ ETH`),
  );
  assert.equal(await noncesUsed(home), 0);
  const unsigned = await home.run('register', '--unsigned');
  assert.equal(unsigned.code, 0, unsigned.err);
  assert.match(unsigned.err, /^warning: .*send at least/m);
});

test('says how many tokens are missing for the stake', async (t) => {
  const home = await stand.home(t, { stakes: 0n });
  await staking.mint(home.account.address, 1n);
  const words =
    /The stake is 1000 FUNC, but 0x\w{40} holds 0\.000000000000000001 FUNC: 999\.999999999999999999 FUNC are missing\. .*--without-stake/;
  assertRefused(await home.run('register', '--yes'), 1, words);
  assertRefused(await home.run('register', '--unsigned'), 1, words);
});

test('does not pay more than --max-cost, whatever the endpoint says gas costs', async (t) => {
  const home = await stand.home(t);
  const result = await home.run('register', '--yes', '--max-cost', '0.00001');
  assertRefused(result, 1, /would cost up to 0\.\d+ ETH, .* at most 0\.00001 ETH is allowed/);
  assert.equal(await noncesUsed(home), 0);
});

test('contradictory states are refused with what to do instead', async (t) => {
  const home = await stand.home(t);
  for (const action of ['pause', 'unpause', 'stake']) {
    assertRefused(await home.run(action, '--yes'), 1, /has no registered provider: register it with/);
  }
  assertRefused(await home.run('update', '--yes', '--name', 'x'), 1, /has no registered provider/);
  assertRefused(await home.run('claim', '--yes', '--from-epoch', '1'), 1, /nothing to claim for/);

  assert.equal((await home.run('register', '--yes')).code, 0);
  assertRefused(await home.run('register', '--yes'), 1, /is already registered\..*"fxn provider update"/);
  assertRefused(await home.run('register', '--unsigned'), 1, /is already registered\./);
  assertRefused(await home.run('unpause', '--yes'), 1, /is not paused\./);
  assertRefused(await home.run('update', '--yes'), 1, /has this metadata already/);
  assert.equal((await home.run('pause', '--yes')).code, 0);
  const twice = await home.run('pause', '--yes', '--json');
  assertRefused(twice, 1, /is already paused\. "fxn provider unpause" ends that\./);
  assert.equal((JSON.parse(twice.out) as { result: string }).result, 'refused');
  assertRefused(await home.run('register', '--yes'), 1, /is already registered\. It is paused/);
  assert.equal(await noncesUsed(home), 3);
});

test('an id that somebody else has, or that nobody has', async (t) => {
  const home = await stand.home(t);
  const stranger = strangerAddress();
  const id = await network.providers.register(stranger, { id: '0xabcdef' });
  assertRefused(
    await home.run('register', '--yes', '--id', id),
    1,
    new RegExp(`already registered, by ${stranger}: choose another one with --id`),
  );
  assertRefused(
    await home.run('pause', '--yes', '--id', id),
    1,
    new RegExp(`belongs to ${stranger}, not to ${home.account.address}`),
  );
  assertRefused(
    await home.run('pause', '--yes', '--id', 'nobody'),
    1,
    /No provider has the id 0x\w+ \("nobody"\)/,
  );
});

test('of several providers one has to be chosen', async (t) => {
  const home = await stand.home(t);
  await network.providers.register(home.account.address, { id: '0x0a01' });
  assertRefused(
    await home.run('register', '--yes'),
    1,
    /already has the provider 0x0a01\. .*--id registers another/,
  );
  await network.providers.register(home.account.address, { id: '0x0a02' });
  assertRefused(
    await home.run('pause', '--yes'),
    1,
    /has 2 providers; choose one with --id:\n {2}0x0a01\n {2}0x0a02/,
  );
  assert.equal((await home.run('pause', '--yes', '--id', '0x0a02')).code, 0);
});

test('what the contract itself refuses is told in words, before anything is sent', async (t) => {
  const home = await stand.home(t);
  await staking.setRegistryPaused(true);
  t.after(() => staking.setRegistryPaused(false));
  assertRefused(
    await home.run('register', '--yes', '--without-stake'),
    1,
    /The contract refuses register: the whole contract is paused by its administrators: EnforcedPause\(\)\. Nothing was sent/,
  );
  assertRefused(
    await home.run('register', '--yes'),
    1,
    /The contract refuses registerAndStake: .*EnforcedPause/,
  );
  assert.equal(await noncesUsed(home), 0);
});

test('epochs that cannot be claimed yet', async (t) => {
  const home = await stand.home(t);
  await network.providers.register(home.account.address);
  await staking.setEpoch(7n);
  const far = await home.run('claim', '--yes', '--from-epoch', '1', '--to-epoch', '6');
  assertRefused(far, 1, /up to epoch 5 today, not up to 6/);
  assertRefused(await home.run('claim', '--yes', '--from-epoch', '6'), 1, /nothing to claim from epoch 6 on/);
  const backwards = await home.run('claim', '--yes', '--from-epoch', '3', '--to-epoch', '2');
  assertRefused(backwards, 2, /--from-epoch comes after --to-epoch/);
});

test('a model without a stake, and one that is no model', async (t) => {
  const home = await stand.home(t);
  assertRefused(
    await home.run('register', '--yes', '--model', '99'),
    1,
    /name no stake for model 99: check --model/,
  );
  assertRefused(await home.run('register', '--yes', '--model', 'gpt'), 2, /neither a model .* nor a number/);
  assert.equal((await home.run('register', '--yes', '--model', 'm')).code, 0);
});

test('an owner whose key is elsewhere', async (t) => {
  const owner = strangerAddress();
  const home = await stand.home(t, { registryOwner: owner });
  assertRefused(
    await home.run('register', '--yes'),
    2,
    new RegExp(`registry.owner is ${owner}, but this home's key is ${home.account.address}.*--unsigned`, 's'),
  );
  const unsigned = await home.run('register', '--unsigned', '--without-stake');
  assert.equal((JSON.parse(unsigned.out) as { owner: string }).owner, owner);
  const other = await stand.home(t);
  const { code, err } = await home.run('register', '--yes', '--key', other.key);
  assert.equal(code, 0, err);
  assert.match(err, new RegExp(`Set registry\\.owner: "${other.account.address}" in config\\.yaml`));
});

test('calls that cannot work end with 2, and never show a key', async (t) => {
  const home = await stand.home(t);
  const almostKey = home.key.slice(0, -1);
  const wrong: readonly (readonly [words: readonly string[], says: RegExp])[] = [
    [['register', '--yes', '--url', 'node.example.com'], /--url: The URL of a node starts with http/],
    [['register', '--yes', '--url', 'https://a:b@node.example'], /published with the user name and password/],
    [['register', '--yes', '--url', 'https://node.example/?k=1'], /no query and no fragment/],
    [['register', '--yes', '--id', '0x12345'], /--id is text or 0x and hex digits, of 1 to 64 bytes/],
    [['register', '--yes', '--id', 'x'.repeat(65)], /--id is text or 0x and hex digits, of 1 to 64 bytes/],
    [
      ['register', '--yes', '--from', home.account.address],
      /--from says whose transactions --unsigned prints/,
    ],
    [['register', '--unsigned', '--from', 'me'], /--from is not an address/],
    [['register', '--unsigned', '--key', home.key, '--from', strangerAddress()], /name two accounts/],
    [['pause', '--yes', '--confirmations', '0'], /--confirmations is a whole number from 1/],
    [['pause', '--yes', '--timeout', 'soon'], /--timeout is a duration/],
    [['pause', '--yes', '--max-cost', '1,5'], /--max-cost is an amount of ETH/],
    [['pause', '--yes', '--key', almostKey], /looks like a private key, but is not/],
    [['claim', '--yes', '--from-epoch', '-1'], /--from-epoch is not a whole number/],
    [['status', '--owner', '12'], /--owner is not an address/],
    [['frobnicate'], /There is no command "frobnicate"/],
  ];
  const before = sent();
  for (const [words, says] of wrong) {
    const result = await home.run(...words);
    assertRefused(result, 2, says);
    assert.doesNotMatch(result.out + result.err, new RegExp(almostKey.slice(2)));
  }
  assert.equal(sent(), before);
  rmSync(join(home.folder, 'config.yaml'));
  assertRefused(await home.run('status'), 2, /There is no \S+config\.yaml .*--home or --config/);
});

test('a journal that is none is not overwritten', async (t) => {
  const home = await stand.home(t);
  await network.providers.register(home.account.address);
  const journal = join(home.folder, 'provider-journal.json');
  writeFileSync(journal, '{"version":7}');
  const result = await home.run('pause', '--yes');
  assertRefused(result, 1, /provider-journal\.json is no journal of transactions\..*then delete the file/);
  assert.ok(existsSync(journal));
  assert.equal(await noncesUsed(home), 0);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

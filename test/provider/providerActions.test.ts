// needs: script
/** `fxn provider` on a real chain, as an operator calls it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  createPublicClient,
  getAddress,
  type Hex,
  http,
  parseTransaction,
  type TransactionSerializableEIP1559,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { erc20Abi } from '#abis/erc20.js';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { writeKeyFile } from '#src/keys/keyFile.js';
import { bytesOf } from '#test/keys/publicTestKeys.js';
import { type ProviderHome, startProviderStand } from './providerStand.js';

const stand = await startProviderStand();
after(() => stand.close());
const { network, staking } = stand;
const client = createPublicClient({ transport: http(network.rpcUrl, { retryCount: 0 }) });
const registry = { abi: providerRegistryAbi, address: network.providers.address } as const;
const token = { abi: erc20Abi, address: staking.token } as const;

const idOf = ({ account }: ProviderHome): Hex => account.address.toLowerCase() as Hex;
const entryOf = (home: ProviderHome, id = idOf(home)) =>
  client.readContract({ ...registry, functionName: 'getProvider', args: [id] });
const noncesUsed = (home: ProviderHome) => client.getTransactionCount({ address: home.account.address });
const journalOf = ({ folder }: ProviderHome) => join(folder, 'provider-journal.json');

test('registers with the stake of the model: approves, registers, and leaves no journal', async (t) => {
  const home = await stand.home(t);
  const { code, out, err } = await home.run('register', '--yes', '--name', 'a box');
  assert.equal(code, 0, err);
  assert.equal(out.split('\n')[0], `provider ${idOf(home)}: active`);
  assert.match(err, /stake {5}1000 FUNC \(balance 1000 FUNC, allowance 0 FUNC\)/);
  assert.match(
    err,
    /1\. approve: lets the registry 0x\w{40} take 1000 FUNC\n.*gas limit \d+, at most 0\.\d+ ETH/,
  );
  assert.match(err, /2\. registerAndStake: .*\n.*gas limit \d+, at most 0\.\d+ ETH/);
  assert.match(err, /the owner holds 1 ETH/);
  const entry = await entryOf(home);
  assert.equal(entry.owner, home.account.address);
  assert.equal(entry.modelId, 2n);
  assert.equal(entry.metadata, '{"url":"https://node.example.com","name":"a box"}');
  assert.equal(await client.readContract({ ...registry, functionName: 'active', args: [idOf(home)] }), true);
  const { address } = home.account;
  assert.equal(await client.readContract({ ...token, functionName: 'balanceOf', args: [address] }), 0n);
  assert.equal(await noncesUsed(home), 2);
  assert.equal(existsSync(journalOf(home)), false);
  assert.equal(existsSync(join(home.folder, 'provider.lock')), false);
});

test('approves nothing that is approved already', async (t) => {
  const home = await stand.home(t);
  const unsigned = await home.run('register', '--unsigned');
  const { transactions } = JSON.parse(unsigned.out) as { transactions: { serialized: Hex }[] };
  await signElsewhere(home, transactions[0]!.serialized);
  const { code, out, err } = await home.run('register', '--yes', '--json');
  assert.equal(code, 0, err);
  const { transactions: sent } = JSON.parse(out) as { transactions: { step: string }[] };
  assert.deepEqual(
    sent.map(({ step }) => step),
    ['registerAndStake'],
  );
});

test('tells of every result in one line of JSON', async (t) => {
  const home = await stand.home(t);
  const id = idOf(home);
  const owner = home.account.address;
  const registered = JSON.parse((await home.run('register', '--yes', '--json')).out) as Record<
    string,
    unknown
  >;
  const { transactions, provider, ...rest } = registered;
  assert.deepEqual(rest, {
    action: 'register',
    result: 'done',
    chainId: 84_532,
    registry: getAddress(registry.address),
    owner,
  });
  const sent = transactions as { step: string; hash: Hex; block: number; gasUsed: string; feeWei: string }[];
  assert.deepEqual(
    sent.map(({ step }) => step),
    ['approve', 'registerAndStake'],
  );
  for (const { hash, block, gasUsed, feeWei } of sent) {
    const receipt = await client.getTransactionReceipt({ hash });
    assert.equal(block, Number(receipt.blockNumber));
    assert.equal(gasUsed, receipt.gasUsed.toString());
    assert.equal(feeWei, (receipt.gasUsed * receipt.effectiveGasPrice).toString());
  }
  const { registeredAt, ...entry } = provider as Record<string, unknown>;
  assert.match(String(registeredAt), /^\d{10}$/);
  assert.deepEqual(entry, {
    id,
    owner,
    modelId: '2',
    metadata: '{"url":"https://node.example.com"}',
    url: 'https://node.example.com',
    name: null,
    paused: false,
    active: true,
    stake: '1000000000000000000000',
    requiredStake: '1000000000000000000000',
  });

  const status = await home.run('status', '--json');
  assert.equal(status.code, 0, status.err);
  const { block, balanceWei, gateways, ...found } = JSON.parse(status.out) as Record<string, unknown>;
  assert.ok(Number(block) >= sent[1]!.block);
  assert.equal(balanceWei, (await client.getBalance({ address: owner })).toString());
  assert.equal(gateways, 0);
  assert.deepEqual(found, {
    chainId: 84_532,
    router: getAddress(network.routerAddress),
    registry: getAddress(registry.address),
    owner,
    nodeAddress: owner,
    registered: true,
    paused: false,
    active: true,
    providerCount: 1,
    providers: [{ ...entry, registeredAt }],
    token: { address: getAddress(staking.token), symbol: 'FUNC', decimals: 18, balance: '0' },
    claimableEpoch: null,
    rewards: null,
    unfinished: null,
  });
});

test('shows the state of an owner in words, before and after', async (t) => {
  const home = await stand.home(t);
  const before = await home.run('status');
  assert.equal(before.code, 0, before.err);
  assert.match(before.out, /^balance {3}1 ETH, 1000 FUNC$/m);
  assert.match(before.out, /^Not registered\. "fxn provider register" does that\.$/m);
  await home.run('register', '--yes');
  const { out } = await home.run('status');
  assert.match(out, new RegExp(`^owner {5}${home.account.address}$`, 'm'));
  assert.match(out, new RegExp(`^node {6}${home.account.address}$`, 'm'));
  assert.match(out, /^ {2}state {7}active$/m);
  assert.match(out, /^ {2}model {7}2 \(m\)$/m);
  assert.match(out, /^ {2}stake {7}1000 FUNC; 1000 FUNC required$/m);
  assert.match(out, /^rewards {3}not readable/m);
  const elsewhere = await home.run('status', '--owner', privateKeyToAccount(generatePrivateKey()).address);
  assert.match(elsewhere.out, /^Not registered\./m);
});

test('registers without a stake, and stakes later', async (t) => {
  const home = await stand.home(t);
  const registered = await home.run('register', '--yes', '--without-stake', '--id', 'my box');
  assert.equal(registered.code, 0, registered.err);
  assert.match(registered.out, /^provider 0x6d7920626f78 \("my box"\): registered, but not active/);
  const { code, out, err } = await home.run('stake', '--yes');
  assert.equal(code, 0, err);
  assert.match(out, /^provider 0x6d7920626f78 \("my box"\): active\n/);
  const again = await home.run('stake', '--yes');
  assert.equal(again.code, 1);
  assert.match(again.err, /is staked already/);
});

test('pauses, ends the pause, and changes the metadata without touching what others put there', async (t) => {
  const home = await stand.home(t);
  const id = await network.providers.register(home.account.address, {
    metadata: '{"url":"https://old.example","region":"eu","name":"old"}',
  });
  assert.equal((await home.run('pause', '--yes')).code, 0);
  assert.equal((await entryOf(home, id)).paused, true);
  assert.equal((await home.run('unpause', '--yes')).code, 0);
  assert.equal((await entryOf(home, id)).paused, false);
  const { code, err } = await home.run('update', '--yes', '--url', 'https://new.example', '--name', '');
  assert.equal(code, 0, err);
  assert.equal((await entryOf(home, id)).metadata, '{"url":"https://new.example","region":"eu"}');
});

test('claims rewards and tells what came, and for whom nothing', async (t) => {
  const home = await stand.home(t);
  await home.run('register', '--yes');
  await network.providers.register(home.account.address, { id: '0x0102' });
  await staking.setEpoch(7n);
  const { code, out, err } = await home.run('claim', '--yes', '--json', '--from-epoch', '2');
  const { claim, transactions, provider } = JSON.parse(out) as Record<string, unknown>;
  assert.equal((transactions as unknown[]).length, 1);
  assert.equal(provider, null);
  // Epochs 2 to 5: the delay of the network is two epochs.
  assert.deepEqual(claim, {
    received: '4000000000000000000',
    failed: [{ id: '0x0102', reason: 'not staked' }],
  });
  assert.match(err, /Nothing was claimed for 0x0102: not staked\./);
  assert.equal(code, 1);
  const { address } = home.account;
  const held = await client.readContract({ ...token, functionName: 'balanceOf', args: [address] });
  assert.equal(held, 4n * 10n ** 18n);
});

test('signs with an encrypted key of the home, of a file, or with the digits given', async (t) => {
  const home = await stand.home(t);
  await network.providers.register(home.account.address);
  const encrypted = join(home.folder, 'owner.json');
  const password = 'correct horse';
  await writeKeyFile(encrypted, bytesOf(home.key.slice(2)), { password, scryptCost: { n: 2, r: 1, p: 1 } });
  writeFileSync(join(home.folder, 'nodekey.json'), readFileSync(encrypted), { mode: 0o600 });
  const passwordFile = join(home.folder, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });

  const without = await home.run('pause', '--yes');
  assert.equal(without.code, 2);
  assert.match(without.err, /is encrypted and there is no terminal to ask on.*--password-file/);
  const status = await home.run('status', '--json');
  assert.equal(
    (JSON.parse(status.out) as { owner: string }).owner,
    home.account.address,
    'needs no password',
  );
  for (const [words, action] of [
    [['--password-file', passwordFile], 'pause'],
    [['--key', encrypted, '--password-file', passwordFile], 'unpause'],
    [['--key', home.key], 'pause'],
  ] as const) {
    const { code, out, err } = await home.run(action, '--yes', ...words);
    assert.equal(code, 0, err);
    assert.doesNotMatch(out + err, new RegExp(`${home.key.slice(2)}|${password}`));
  }
});

/** What a hardware wallet does: it gets the unsigned bytes, and its answer goes to the chain. */
async function signElsewhere({ key }: ProviderHome, serialized: Hex): Promise<void> {
  const account = privateKeyToAccount(key);
  const unsigned = parseTransaction(serialized) as TransactionSerializableEIP1559;
  const signed = await account.signTransaction(unsigned);
  const hash = (await stand.ask('eth_sendRawTransaction', signed)) as Hex;
  assert.equal((await client.waitForTransactionReceipt({ hash, pollingInterval: 50 })).status, 'success');
}

interface Unsigned {
  readonly owner: string;
  readonly id: Hex;
  readonly transactions: readonly {
    readonly step: string;
    readonly transaction: Readonly<Record<string, string>>;
    readonly serialized: Hex;
  }[];
  readonly remaining: readonly string[];
}

test('prints transactions for another signer, which the chain takes as they are', async (t) => {
  const home = await stand.home(t);
  const { address } = home.account;
  const stranger = await stand.home(t);
  const words = ['register', '--unsigned', '--from', address, '--id', address];
  const { code, out, err } = await stranger.run(...words);
  assert.equal(code, 0, err);
  const printed = JSON.parse(out) as Unsigned;
  assert.equal(printed.owner, address);
  assert.deepEqual(printed.remaining, []);
  assert.equal(await noncesUsed(home), 0, 'nothing was sent');
  for (const [at, { transaction, serialized }] of printed.transactions.entries()) {
    assert.equal(transaction['from'], address);
    assert.equal(transaction['to'], getAddress(transaction['to']!));
    assert.deepEqual(
      [transaction['value'], transaction['chainId'], transaction['nonce']],
      ['0x0', '0x14a34', `0x${at}`],
    );
    const parsed = parseTransaction(serialized);
    assert.equal(parsed.gas, BigInt(transaction['gas']!));
    assert.equal(parsed.maxFeePerGas, BigInt(transaction['maxFeePerGas']!));
    assert.equal(parsed.data, transaction['data']);
    await signElsewhere(home, serialized);
  }
  assert.equal((await entryOf(home)).owner, address);
});

test('prints the rest later where the endpoint cannot try transactions that build on each other', async (t) => {
  stand.rpc.misbehave('no_simulations');
  t.after(() => stand.rpc.misbehave('none'));
  const home = await stand.home(t, { rpc: [stand.rpc.url] });
  const first = await home.run('register', '--unsigned', '--json');
  const printed = JSON.parse(first.out) as Unsigned;
  assert.deepEqual(
    printed.transactions.map(({ step }) => step),
    ['approve'],
  );
  assert.deepEqual(printed.remaining, ['registerAndStake']);
  assert.match(first.err, /Once these are mined, the same command prints the rest: registerAndStake/);
  // Sent by the program itself, the second one is tried once the first is mined.
  const { code, err } = await home.run('register', '--yes');
  assert.equal(code, 0, err);
  assert.match(err, /cost known once the step before is mined/);
  assert.equal(await noncesUsed(home), 2);
});

test('knows the price of gas where the endpoint has only what the standard asks for', async (t) => {
  stand.rpc.misbehave('standard_only');
  t.after(() => stand.rpc.misbehave('none'));
  const home = await stand.home(t, { rpc: [stand.rpc.url] });
  const { code, err } = await home.run('register', '--yes');
  assert.equal(code, 0, err);
});

test('shows the name of a token that would move the cursor as plain characters', async (t) => {
  const hexOf = (text: string): string => Buffer.from(text).toString('hex');
  stand.rpc.replaceInCalls(hexOf('FUNC'), hexOf('\u001b[1M'));
  t.after(() => stand.rpc.replaceInCalls('', ''));
  const home = await stand.home(t, { rpc: [stand.rpc.url] });
  const { out } = await home.run('status');
  assert.match(out, /^balance {3}1 ETH, 1000 \\u\{1b\}\[1M$/m);
  const unsigned = await home.run('register', '--unsigned');
  assert.equal(unsigned.code, 0, unsigned.err);
  assert.ok(!unsigned.err.includes('\u001b'));
});

/** Runs the command on a terminal and types an answer once it is asked. */
async function onTerminal(home: ProviderHome, answer: string, ...words: string[]) {
  const program = fileURLToPath(import.meta.resolve('#dist/cli/fxn.js'));
  const line = [process.execPath, program, 'provider', ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: { ...process.env, FXN_HOME: home.folder, FXN_KEY_PASSWORD: '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (bytes: Buffer) => {
    const before = shown;
    shown += bytes.toString('utf8');
    if (!before.includes('[y/N]') && shown.includes('[y/N]')) child.stdin.write(`${answer}\n`);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, shown };
}

test('asks on a terminal, and sends nothing without a yes', async (t) => {
  const home = await stand.home(t);
  await network.providers.register(home.account.address);
  const refused = await onTerminal(home, 'n', 'pause');
  assert.equal(refused.code, 2, refused.shown);
  assert.match(refused.shown, /Send this transaction\? \[y\/N\]/);
  assert.match(refused.shown, /Not confirmed\. Nothing was sent\./);
  assert.equal(await noncesUsed(home), 0);
  const done = await onTerminal(home, 'yes', 'pause');
  assert.equal(done.code, 0, done.shown);
  assert.equal(await noncesUsed(home), 1);
});

test('counts the fee for data where the chain has one', async (t) => {
  const oracle = '0x420000000000000000000000000000000000000f';
  // Answers every call with 10^15: PUSH7 …, PUSH0, MSTORE, 32 bytes back.
  await stand.ask('anvil_setCode', oracle, '0x66038d7ea4c680005f5260205ff3');
  t.after(() => stand.ask('anvil_setCode', oracle, '0x'));
  const home = await stand.home(t);
  await network.providers.register(home.account.address);
  const dear = await home.run('pause', '--yes', '--max-cost', '0.001');
  assert.equal(dear.code, 1);
  assert.match(dear.err, /would cost up to 0\.001\d+ ETH/);
  const { code, err } = await home.run('pause', '--yes');
  assert.equal(code, 0, err);
  assert.match(err, /cost +at most 0\.001\d+ ETH/);
});

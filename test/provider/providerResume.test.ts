/**
 * `fxn provider` when things go wrong after something was sent: killed at every step, forgotten, replaced, refused by
 * the contract after all, or lied to. Whatever happens, nothing is sent twice.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import {
  createPublicClient,
  encodeFunctionData,
  formatEther,
  type Hex,
  http,
  parseAbi,
  parseGwei,
  parseTransaction,
  type TransactionSerializableEIP1559,
} from 'viem';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { startFaultyRpc } from '#test/chain/faultyRpc.js';
import { type ProviderHome, type RunningCommand, startProviderStand } from './providerStand.js';

const stand = await startProviderStand();
after(() => stand.close());
const { network, rpc } = stand;
const client = createPublicClient({ transport: http(network.rpcUrl, { retryCount: 0 }) });
const registry = network.providers.address;

const journalOf = ({ folder }: ProviderHome): string => join(folder, 'provider-journal.json');
interface Journal {
  readonly action: string;
  readonly steps: readonly {
    readonly name: string;
    readonly nonce: number;
    readonly attempts: readonly { readonly hash: Hex; readonly raw: Hex }[];
    readonly minedHash?: Hex;
  }[];
}
const readJournal = (home: ProviderHome): Journal =>
  JSON.parse(readFileSync(journalOf(home), 'utf8')) as Journal;
const noncesUsed = ({ account }: ProviderHome): Promise<number> =>
  client.getTransactionCount({ address: account.address });

async function isPaused(id: Hex): Promise<boolean> {
  const entry = await client.readContract({
    abi: providerRegistryAbi,
    address: registry,
    functionName: 'getProvider',
    args: [id],
  });
  return entry.paused;
}

/** A home whose owner has a provider, behind the endpoint that misbehaves. */
async function registeredHome(t: TestContext): Promise<ProviderHome & { readonly id: Hex }> {
  const home = await stand.home(t, { rpc: [rpc.url] });
  return { ...home, id: await network.providers.register(home.account.address) };
}

/** Blocks are made by hand until the test ends. */
async function withoutMining(t: TestContext): Promise<void> {
  await stand.ask('evm_setAutomine', false);
  t.after(async () => {
    await stand.ask('evm_setAutomine', true);
    await network.mine();
  });
}

function misbehave(t: TestContext, fault: Parameters<typeof rpc.misbehave>[0]): void {
  rpc.misbehave(fault);
  t.after(() => rpc.misbehave('none'));
}

/** Does something when the n-th request of each method, one method after the other, arrives at the endpoint. */
function atRequests(path: readonly string[], action: () => Promise<void>): void {
  const [method, ...rest] = path;
  rpc.interrupt(method!, rest.length === 0 ? action : async () => atRequests(rest, action));
}

const send = 'eth_sendRawTransaction';
const count = 'eth_getTransactionCount';
const receipt = 'eth_getTransactionReceipt';

/** Where a registration of two transactions is cut off, and what is on the chain and in the journal then. */
const boundaries: readonly {
  readonly at: string;
  readonly path: readonly string[];
  readonly isDelivered?: boolean;
  readonly mined: number;
  readonly recorded: readonly string[];
}[] = [
  { at: 'before the first transaction is signed', path: [count], mined: 0, recorded: [] },
  { at: 'before the first transaction arrives', path: [send], mined: 0, recorded: ['approve'] },
  {
    at: 'when the first transaction has arrived and nobody was told',
    path: [send],
    isDelivered: true,
    mined: 1,
    recorded: ['approve'],
  },
  { at: 'between sending and its receipt', path: [receipt], mined: 1, recorded: ['approve'] },
  { at: 'between approve and register', path: [count, count], mined: 1, recorded: ['approve'] },
  {
    at: 'before the second transaction arrives',
    path: [send, send],
    mined: 1,
    recorded: ['approve', 'registerAndStake'],
  },
  {
    at: 'when the second transaction has arrived and nobody was told',
    path: [send, send],
    isDelivered: true,
    mined: 2,
    recorded: ['approve', 'registerAndStake'],
  },
  {
    at: 'before the receipt of the second transaction',
    path: [receipt, receipt],
    mined: 2,
    recorded: ['approve', 'registerAndStake'],
  },
  {
    at: 'after everything, before it was told',
    path: [receipt, receipt, 'eth_call'],
    mined: 2,
    recorded: ['approve', 'registerAndStake'],
  },
];

/** All of them in a full run; else every other one, since each takes seconds. */
const tried = process.env['FXN_TEST_FULL'] ? boundaries : boundaries.filter((_, index) => index % 2 === 1);

for (const { at, path, isDelivered = false, mined, recorded } of tried) {
  test(`killed ${at}, the same command goes on and sends nothing twice`, async (t) => {
    const home = await stand.home(t, { rpc: [rpc.url] });
    const command = home.start('register', '--yes');
    let arrived = false;
    atRequests(path, async () => {
      arrived = true;
      await command.kill();
      if (!isDelivered) throw new Error('the request is lost with its sender');
    });
    const { code } = await command.result;
    assert.equal(code, null, 'it was killed');
    assert.ok(arrived);
    if (isDelivered) await untilUsed(home, mined);
    assert.equal(await noncesUsed(home), mined);
    const before = recorded.length === 0 ? [] : readJournal(home).steps;
    assert.deepEqual(
      before.map(({ name }) => name),
      recorded,
    );
    if (recorded.length > 0) assert.equal(statSync(journalOf(home)).mode & 0o777, 0o600);

    const again = await home.run('register', '--yes', '--json');
    assert.equal(again.code, 0, again.err);
    assert.equal(await noncesUsed(home), 2);
    assert.equal(existsSync(journalOf(home)), false);
    const { transactions } = JSON.parse(again.out) as { transactions: { step: string; hash: Hex }[] };
    assert.deepEqual(
      transactions.map(({ step }) => step),
      ['approve', 'registerAndStake'],
    );
    // What was recorded is what was mined.
    for (const [index, { attempts }] of before.entries()) {
      assert.deepEqual(
        attempts.map(({ hash }) => hash),
        [transactions[index]!.hash],
      );
    }
  });
}

/** A request that was passed on may arrive after its sender's death. */
async function untilUsed(home: ProviderHome, nonces: number): Promise<void> {
  for (let tries = 0; tries < 200 && (await noncesUsed(home)) < nonces; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts `pause` and waits until its transaction waits at the endpoint. */
async function startPause(
  home: ProviderHome,
  ...words: string[]
): Promise<RunningCommand & { hash: Hex; raw: Hex }> {
  const command = home.start('pause', '--yes', '--json', ...words);
  await command.said(/pause: waiting to be mined/);
  const [attempt] = readJournal(home).steps[0]!.attempts;
  return { ...command, ...attempt! };
}

test('killed while its transaction waits, it finds it again', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const first = await startPause(home);
  await first.kill();
  const again = await startPause(home);
  assert.equal(again.hash, first.hash);
  await network.mine();
  const { code, out } = await again.result;
  assert.equal(code, 0, out);
  assert.equal(await noncesUsed(home), 1);
});

test('broken off with Ctrl-C, it keeps what was sent and says so', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const first = await startPause(home);
  first.interrupt();
  const { code, err } = await first.result;
  assert.equal(code, 130);
  assert.match(err, /Broken off\. The same command again goes on with what was sent\./);
  const status = await home.run('status');
  assert.match(status.out, /"fxn provider pause" was broken off: call it again to finish it\./);
  assert.equal(readJournal(home).steps.length, 1);
});

test('another request waits until the one before is over', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const first = await startPause(home);
  await first.kill();
  for (const words of [
    ['update', '--yes', '--name', 'x'],
    ['update', '--unsigned', '--name', 'x'],
  ]) {
    const { code, out, err } = await home.run(...words, '--json');
    assert.equal(code, 1, err);
    assert.match(
      err,
      new RegExp(`An earlier "fxn provider pause" .* is not finished: pause, transaction ${first.hash}`),
    );
    assert.equal((JSON.parse(out) as { result: string }).result, 'pending');
  }
  await network.mine();
  await stand.ask('evm_setAutomine', true);
  const { code, err } = await home.run('update', '--yes', '--name', 'x');
  assert.equal(code, 0, err);
  assert.equal(await noncesUsed(home), 2);
});

test('two commands at once do not sign one nonce', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const first = await startPause(home);
  const second = await home.run('pause', '--yes');
  assert.equal(second.code, 3);
  assert.match(second.err, /provider\.lock is held by process \d+: stop that "fxn provider" command/);
  await network.mine();
  assert.equal((await first.result).code, 0);
});

test('waits for as many confirmations as are asked for', async (t) => {
  const home = await registeredHome(t);
  const command = home.start('pause', '--yes', '--confirmations', '3');
  await command.said(/mined in block \d+, 1 of 3 confirmations/);
  await network.mine();
  await command.said(/2 of 3 confirmations/);
  await network.mine();
  const { code, err } = await command.result;
  assert.equal(code, 0, err);
});

/** The same nonce for dearer gas, signed by the owner's wallet, and mined instead. */
async function replace(
  home: ProviderHome,
  raw: Hex,
  change: Partial<TransactionSerializableEIP1559> = {},
): Promise<Hex> {
  const { nonce, chainId, to, data, gas, maxFeePerGas } = parseTransaction(
    raw,
  ) as TransactionSerializableEIP1559;
  const fee = maxFeePerGas! * 10n;
  const signed = await home.account.signTransaction({
    ...{ type: 'eip1559', chainId: chainId!, nonce: nonce!, gas: gas!, to: to!, data: data! },
    ...{ maxFeePerGas: fee, maxPriorityFeePerGas: fee },
    ...change,
  });
  return (await stand.ask('eth_sendRawTransaction', signed)) as Hex;
}

test('a transaction that another one replaced is reported as replaced', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const command = await startPause(home);
  const by = await replace(home, command.raw, { to: home.account.address, data: '0x' });
  await network.mine();
  const { code, out, err } = await command.result;
  assert.equal(code, 1);
  assert.match(err, new RegExp(`pause was replaced: The transaction ${by} of this account has its nonce 0`));
  assert.deepEqual((JSON.parse(out) as { result: string }).result, 'replaced');
  assert.equal(await isPaused(home.id), false);
  assert.equal(existsSync(journalOf(home)), false);
});

test('the same call sent dearer from a wallet counts as done', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const command = await startPause(home);
  const by = await replace(home, command.raw);
  await network.mine();
  const { code, out, err } = await command.result;
  assert.equal(code, 0, err);
  const { transactions } = JSON.parse(out) as { transactions: { hash: Hex }[] };
  assert.equal(transactions[0]!.hash, by);
  assert.equal(await isPaused(home.id), true);
});

test('a transaction that the endpoint drops is sent again, the same bytes', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const command = await startPause(home);
  await stand.ask('anvil_dropTransaction', command.hash);
  await command.said(/no endpoint knew it any more, sent again/);
  assert.equal(
    await stand.ask('eth_getTransactionByHash', command.hash).then((found) => found !== null),
    true,
  );
  await network.mine();
  const { code, err } = await command.result;
  assert.equal(code, 0, err);
  assert.equal(await noncesUsed(home), 1);
});

test('a transaction that no endpoint keeps is reported as dropped, and offered again by the next run', async (t) => {
  const home = await registeredHome(t);
  misbehave(t, 'swallow');
  const { code, out, err } = await home.run('pause', '--yes', '--json', '--timeout', '3s');
  assert.equal(code, 1);
  assert.match(err, /not confirmed after 3s: no endpoint knows it any more \(it was dropped\)/);
  assert.equal((JSON.parse(out) as { result: string }).result, 'pending');
  rpc.misbehave('none');
  const again = await home.run('pause', '--yes');
  assert.equal(again.code, 0, again.err);
  assert.equal(await noncesUsed(home), 1);
});

test('an endpoint that never has a receipt ends in the deadline, and the next run finds it', async (t) => {
  const home = await registeredHome(t);
  misbehave(t, 'no_receipts');
  const { code, err } = await home.run('pause', '--yes', '--timeout', '4s');
  assert.equal(code, 1);
  assert.match(err, /pause is not confirmed after 4s: .*Transaction 0x\w{64}, nonce 0\./);
  assert.equal(await isPaused(home.id), true, 'it was mined all the same');
  rpc.misbehave('none');
  const again = await home.run('pause', '--yes', '--json');
  assert.equal(again.code, 0, again.err);
  assert.equal(await noncesUsed(home), 1);
});

test('an endpoint that makes up a receipt is found out by the registry', async (t) => {
  const home = await registeredHome(t);
  misbehave(t, 'false_receipts');
  const { code, err } = await home.run('pause', '--yes');
  assert.equal(code, 1);
  assert.match(err, /was mined in block \d+ .*, but the registry does not show its effect/);
  assert.equal(await isPaused(home.id), false);
  rpc.misbehave('none');
  const again = await home.run('pause', '--yes');
  assert.equal(again.code, 0, again.err);
  assert.equal(await isPaused(home.id), true);
  assert.equal(await noncesUsed(home), 1);
});

test('a transaction that the contract refuses after all is reported with the reason', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const command = await startPause(home);
  // The administrators pause the whole registry in the same block, before it.
  const abi = parseAbi(['function pause()', 'function unpause()']);
  const [admin] = (await stand.ask('eth_accounts')) as Hex[];
  const fee = `0x${(10n ** 12n).toString(16)}`;
  await stand.ask('eth_sendTransaction', {
    from: admin,
    to: registry,
    data: encodeFunctionData({ abi, functionName: 'pause' }),
    gas: '0x186a0',
    maxFeePerGas: fee,
    maxPriorityFeePerGas: fee,
  });
  await network.mine();
  await network.mine();
  const { code, out, err } = await command.result;
  await stand.ask('evm_setAutomine', true);
  await network.send(registry, encodeFunctionData({ abi, functionName: 'unpause' }));
  assert.equal(code, 1);
  assert.match(err, /pause was mined in block \d+, but the contract refused it: /);
  const { result, hash } = JSON.parse(out) as { result: string; hash: Hex };
  assert.equal(result, 'reverted');
  assert.equal(hash, command.hash);
  assert.equal(existsSync(journalOf(home)), false);
  const again = await home.run('pause', '--yes');
  assert.equal(again.code, 0, again.err);
});

test('an endpoint that goes away while it waits is asked again when it is back', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const command = await startPause(home);
  misbehave(t, 'drop_connection');
  await command.said(/cannot be reached .* Trying again\./);
  await network.mine();
  rpc.misbehave('none');
  const { code, err } = await command.result;
  assert.equal(code, 0, err);
});

test('a transaction that became too cheap before it arrived is signed dearer, under the same nonce', async (t) => {
  const home = await registeredHome(t);
  const command = home.start('pause', '--yes', '--json');
  atRequests([send], async () => {
    await stand.ask('anvil_setNextBlockBaseFeePerGas', `0x${(10n ** 11n).toString(16)}`);
    await network.mine();
  });
  const { code, out, err } = await command.result;
  assert.equal(code, 0, err);
  assert.equal(await noncesUsed(home), 1);
  const { transactions } = JSON.parse(out) as { transactions: { hash: Hex }[] };
  const { maxFeePerGas } = await client.getTransaction({ hash: transactions[0]!.hash });
  assert.ok(maxFeePerGas! > 10n ** 11n);
});

/** Of the next block. */
const setBaseFee = (gwei: string) =>
  stand.ask('anvil_setNextBlockBaseFeePerGas', `0x${parseGwei(gwei).toString(16)}`);

test('an endpoint that counts the nonces of a block before does not make it use one twice', async (t) => {
  await setBaseFee('1');
  await network.mine();
  const home = await stand.home(t, { rpc: [rpc.url] });
  t.after(() => rpc.misbehave('none'));
  const command = home.start('register', '--yes');
  rpc.interrupt(send, async () => {
    rpc.misbehave('behind', 1);
    rpc.interrupt(send, async () => rpc.misbehave('none'));
  });
  const { code, err } = await command.result;
  assert.equal(code, 0, err);
  assert.equal(await noncesUsed(home), 2);
});

test('a step is tried once an endpoint has the one before, not while it is behind', async (t) => {
  await setBaseFee('1');
  await network.mine();
  const home = await stand.home(t, { rpc: [rpc.url] });
  rpc.misbehave('no_simulations');
  t.after(() => rpc.misbehave('none'));
  const command = home.start('register', '--yes');
  // The confirmation asks for the height once; then it waits for it.
  const height = 'eth_blockNumber';
  atRequests([send], async () => {
    rpc.misbehave('behind', 1);
    atRequests([height, height, height], async () => rpc.misbehave('no_simulations'));
  });
  const { code, err } = await command.result;
  assert.equal(code, 0, err);
  assert.equal(await noncesUsed(home), 2);
});

test('a step is tried at the endpoint that has the one before, though another is asked first', async (t) => {
  await setBaseFee('1');
  await network.mine();
  const second = await startFaultyRpc(network.rpcUrl);
  t.after(() => second.close());
  second.misbehave('no_simulations');
  misbehave(t, 'no_simulations');
  const home = await stand.home(t, { rpc: [rpc.url, second.url] });
  const command = home.start('register', '--yes');
  rpc.interrupt(send, async () => rpc.misbehave('behind', 1));
  const { code, err } = await command.result;
  assert.equal(code, 0, err);
  assert.equal(await noncesUsed(home), 2);
});

interface UnsignedStep {
  readonly transaction: { readonly gas: Hex; readonly maxFeePerGas: Hex };
}

/** A registration whose approval is dearer than it was at first, after which gas gets cheap. */
async function registerThroughPeak(home: ProviderHome, ...words: string[]) {
  const command = home.start('register', '--yes', '--json', ...words);
  rpc.interrupt(send, async () => {
    await setBaseFee('17');
    rpc.interrupt('eth_blockNumber', async () => {
      await setBaseFee('0.1');
      await network.mine();
    });
  });
  return await command.result;
}

async function dearGas(t: TestContext): Promise<void> {
  await setBaseFee('10');
  await network.mine();
  misbehave(t, 'no_simulations');
}

test('the transactions together cost no more than --max-cost, and what was sent is said', async (t) => {
  await dearGas(t);
  const home = await stand.home(t, { rpc: [rpc.url] });
  const unsigned = await home.run('register', '--unsigned');
  const [approve] = (JSON.parse(unsigned.out) as { transactions: readonly UnsignedStep[] }).transactions;
  const { gas, maxFeePerGas } = approve!.transaction;
  const bound = ['--max-cost', formatEther(BigInt(gas) * BigInt(maxFeePerGas))];
  const { code, err } = await registerThroughPeak(home, ...bound);
  assert.equal(code, 1);
  assert.match(
    err,
    /would cost up to 0\.\d+ ETH, after 0\.\d+ ETH for those before, .* raise --max-cost\. Done already: approve \(transaction 0x\w{64}\); nothing else was sent/,
  );
  assert.doesNotMatch(err, /Nothing was sent/);
  assert.equal(await noncesUsed(home), 1);
  // What an earlier run spent counts too.
  const again = await home.run('register', '--yes', ...bound);
  assert.equal(again.code, 1);
  assert.match(again.err, /after 0\.\d+ ETH for those before/);
  const enough = await home.run('register', '--yes');
  assert.equal(enough.code, 0, enough.err);
  assert.equal(await noncesUsed(home), 2);
});

test('a later step is sent with the fees that it was checked with', async (t) => {
  await dearGas(t);
  const home = await stand.home(t, { rpc: [rpc.url] });
  const { code, out, err } = await registerThroughPeak(home);
  assert.equal(code, 0, err);
  const { transactions } = JSON.parse(out) as { transactions: { hash: Hex }[] };
  const fees = await Promise.all(transactions.map(({ hash }) => client.getTransaction({ hash })));
  assert.ok(fees[0]!.maxFeePerGas! > 10n ** 10n);
  assert.ok(fees[1]!.maxFeePerGas! < 10n ** 10n);
});

test('another transaction that waits with the nonce is not outbid', async (t) => {
  const home = await registeredHome(t);
  await withoutMining(t);
  const command = home.start('pause', '--yes', '--json');
  let waiting: Hex | undefined;
  rpc.interrupt(send, async () => {
    const [attempt] = readJournal(home).steps[0]!.attempts;
    waiting = await replace(home, attempt!.raw, {
      to: home.account.address,
      data: '0x',
      ...feesOf(attempt!.raw),
    });
  });
  const { code, out, err } = await command.result;
  assert.equal(code, 1);
  assert.match(
    err,
    /Another transaction of this account waits with the nonce 0 that pause was signed with .*then call this again/,
  );
  assert.equal((JSON.parse(out) as { result: string }).result, 'not_taken');
  assert.equal(readJournal(home).steps[0]!.attempts.length, 1);
  assert.notEqual(await stand.ask('eth_getTransactionByHash', waiting), null);
  await network.mine();
  assert.equal((await client.getTransactionReceipt({ hash: waiting! })).status, 'success');
});

function feesOf(raw: Hex) {
  const { maxFeePerGas, maxPriorityFeePerGas } = parseTransaction(raw) as TransactionSerializableEIP1559;
  return { maxFeePerGas: maxFeePerGas!, maxPriorityFeePerGas: maxPriorityFeePerGas! };
}

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringToHex } from 'viem';
import type { AddressText } from '#src/lib/address.js';
import { createRegistryCell } from '#src/registry/registrySnapshot.js';
import { openRegistryView } from '#src/registry/registryView.js';
import { namedByActive, namedByPaused } from '#src/shm/addressIndex.js';
import { startFaultyRpc } from '#test/chain/faultyRpc.js';
import { startTestNetwork, type TestNetwork } from '#test/chain/network.js';
import { type LyingRpc, startLyingRpc } from '#test/contracts/lyingRpc.js';
import { openRegistry, recordingLogger, temporaryFolder, until, wordsOf } from './fixture.js';

const network = await startTestNetwork();
const rpc = await startFaultyRpc(network.rpcUrl);
after(async () => {
  await rpc.close();
  await network.close();
});
const router = network.routerAddress as AddressText;
const behindProxy = { urls: [rpc.url], router };

let nextAddress = 1;
const newAddress = (): AddressText => `0xabcdef${(nextAddress++).toString(16).padStart(34, '0')}`;

test('a signer is a gateway by its owner, by an id of 20 raw bytes and by an id as text in any case', async () => {
  const owners = [newAddress(), newAddress(), newAddress(), newAddress(), newAddress()] as const;
  const ids = [newAddress(), newAddress(), newAddress(), newAddress()] as const;
  await network.gateways.register(owners[0], { id: ids[0] });
  await network.gateways.register(owners[1], { id: stringToHex(ids[1]) });
  await network.gateways.register(owners[2], { id: stringToHex(ids[2].slice(2).toUpperCase()) });
  await network.gateways.register(owners[3], { id: stringToHex(`0X${ids[3].slice(2).toUpperCase()}`) });
  await network.gateways.register(owners[4], { id: stringToHex('a-gateway-by-name') });
  const registry = openRegistry(behindProxy);
  await registry.refresh();
  for (const address of [...owners, ...ids])
    assert.equal(registry.view.lookup(wordsOf(address)), namedByActive);
  assert.equal(registry.view.lookup(wordsOf(newAddress())), 0);
});

test('an address is authorised while any unpaused entry names it', async () => {
  const owner = newAddress();
  const first = await network.gateways.register(owner, { id: '0x01' });
  const second = await network.gateways.register(owner, { id: '0x02' });
  const registry = openRegistry(behindProxy);
  const flagsNow = async (): Promise<number> => {
    await registry.refresh();
    return registry.view.lookup(wordsOf(owner));
  };
  assert.equal(await flagsNow(), namedByActive);
  await network.gateways.pause(first);
  assert.equal(await flagsNow(), namedByActive | namedByPaused);
  await network.gateways.pause(second);
  assert.equal(await flagsNow(), namedByPaused);
  await network.gateways.unregister(first);
  await network.gateways.unpause(second);
  assert.equal(await flagsNow(), namedByActive);
  await network.gateways.unregister(second);
  assert.equal(await flagsNow(), 0);
});

test('a changed Router takes effect with the next read', async () => {
  const [before, now] = [newAddress(), newAddress()];
  await network.gateways.register(before);
  const { log, lines } = recordingLogger();
  const registry = openRegistry({ ...behindProxy, log });
  await registry.refresh();
  const second = await network.deployGatewayRegistry();
  await second.register(now);
  await network.nameGatewayRegistry(second.address);
  await registry.refresh();
  assert.equal(registry.view.lookup(wordsOf(before)), 0);
  assert.equal(registry.view.lookup(wordsOf(now)), namedByActive);
  assert.equal(registry.status().address, second.address);
  assert.ok(lines().some(({ level, now: at }) => level === 'warn' && at === second.address));
  await network.nameGatewayRegistry(network.gateways.address);
});

test('an RPC endpoint that is down at the start and comes up later needs nobody to help', async () => {
  const reserved = await startFaultyRpc(network.rpcUrl);
  const port = Number(new URL(reserved.url).port);
  await reserved.close();
  const registry = openRegistry({ urls: [reserved.url], router, pollIntervalMs: 300 });
  await until('two reads failed', () => registry.failures.length >= 2);
  assert.equal(registry.view.isFresh(), false);
  assert.equal(registry.status().lastError?.kind, 'unreachable');
  const late = await startFaultyRpc(network.rpcUrl, port);
  after(late.close);
  await until('a read succeeded', () => registry.reads() > 0);
  assert.equal(registry.view.isFresh(), true);
  assert.equal(registry.status().lastError, null);
  await registry.close();
});

for (const fault of ['hang', 'rate_limit', 'garbage', 'wrong_chain'] as const) {
  test(`the last good snapshot stays in use through "${fault}" and reads go on afterwards`, async () => {
    const owner = newAddress();
    await network.gateways.register(owner);
    const registry = openRegistry({ ...behindProxy, pollIntervalMs: 100, timeoutMs: 1_000 });
    await until('the registry is fresh', () => registry.view.isFresh());
    rpc.misbehave(fault);
    await until('a read failed', () => registry.failures.length > 0);
    assert.equal(registry.view.lookup(wordsOf(owner)), namedByActive);
    const { blockNumber } = registry.status();
    rpc.misbehave('none');
    await network.mine();
    await until('a newer block is read', () => (registry.status().blockNumber ?? 0) > (blockNumber ?? 0));
    await registry.close();
  });
}

test('heads that alternate never take a snapshot back', async () => {
  await network.mine(10);
  const registry = openRegistry({ ...behindProxy, pollIntervalMs: 20 });
  await until('the registry is fresh', () => registry.view.isFresh());
  rpc.misbehave('alternate', 5);
  let highest = 0;
  await until('reads failed and others succeeded', () => {
    const { blockNumber } = registry.status();
    assert.ok((blockNumber ?? 0) >= highest);
    highest = blockNumber ?? 0;
    return registry.failures.filter((kind) => kind === 'old_head').length > 2 && registry.reads() > 4;
  });
  rpc.misbehave('none');
  await registry.close();
});

test('a registry too large for its cell is reported and the last good snapshot stays', async () => {
  const second = await network.deployGatewayRegistry();
  await network.nameGatewayRegistry(second.address);
  const owner = newAddress();
  await second.register(owner, { id: '0x01' });
  const registry = openRegistry({ ...behindProxy, cell: createRegistryCell(4) });
  await registry.refresh();
  assert.equal(registry.status().entries, 1);
  await second.registerMany(5);
  await registry.refresh();
  assert.equal(registry.status().lastError?.code, 'snapshot_overflow');
  assert.deepEqual(registry.failures, ['snapshot_overflow']);
  assert.equal(registry.status().entries, 1);
  assert.equal(registry.view.lookup(wordsOf(owner)), namedByActive);
  await network.nameGatewayRegistry(network.gateways.address);
});

test('callers are refused once the last good read is older than maxStaleness, and let in again after a read', async () => {
  let nowMs = 1_800_000_000_000;
  const clock = { nowMs: () => nowMs };
  const registry = openRegistry({ ...behindProxy, clock, maxStalenessMs: 60_000 });
  assert.equal(registry.view.ageMs(), null);
  await registry.refresh();
  nowMs += 60_000;
  assert.equal(registry.view.isFresh(), true);
  nowMs += 1;
  assert.equal(registry.view.isFresh(), false);
  assert.equal(registry.view.ageMs(), 60_001);
  assert.notEqual(registry.view.snapshot(), undefined);
  await registry.refresh();
  assert.equal(registry.view.isFresh(), true);
  nowMs -= 60_001;
  assert.equal(registry.view.isFresh(), false, 'a clock set back tells nothing about the age');
});

test('a node restarted during an RPC outage serves from disk, with the age of the read and not of the loading', async () => {
  let nowMs = 1_800_000_000_000;
  const settings = {
    ...behindProxy,
    clock: { nowMs: () => nowMs },
    snapshotsFolder: temporaryFolder(),
    maxStalenessMs: 60_000,
  };
  const owner = newAddress();
  await network.gateways.register(owner);
  const before = openRegistry(settings);
  await before.refresh();
  await before.close();
  const file = join(settings.snapshotsFolder, 'gateway.json');
  assert.equal(statSync(file).mode & 0o777, 0o600);

  rpc.misbehave('server_error');
  nowMs += 50_000;
  const { log, lines } = recordingLogger();
  const restarted = openRegistry({ ...settings, log });
  assert.equal(restarted.view.lookup(wordsOf(owner)), namedByActive);
  assert.equal(restarted.view.ageMs(), 50_000);
  assert.equal(restarted.view.isFresh(), true);
  assert.equal(restarted.status().address, network.gateways.address);
  assert.ok(lines().some(({ msg, ageMs }) => /loaded/.test(msg) && ageMs === 50_000));
  nowMs += 10_001;
  assert.equal(restarted.view.isFresh(), false);
  await restarted.close();
  rpc.misbehave('none');

  nowMs -= 3_600_000;
  const early = openRegistry({ ...settings, log });
  assert.equal(early.view.snapshot(), undefined, 'a snapshot from the future is ignored');
  await early.close();
});

test('a snapshot of another Router or another confirmation depth is ignored, with the reason', async () => {
  const snapshotsFolder = temporaryFolder();
  const before = openRegistry({ ...behindProxy, snapshotsFolder });
  await before.refresh();
  await before.close();
  rpc.misbehave('server_error');
  for (const change of [{ router: newAddress() }, { confirmations: 2 }]) {
    const { log, lines } = recordingLogger();
    const other = openRegistry({ ...behindProxy, snapshotsFolder, ...change, log });
    assert.equal(other.view.snapshot(), undefined);
    assert.ok(lines().some(({ level, reason }) => level === 'warn' && reason === 'made for other settings'));
    await other.close();
  }
  rpc.misbehave('none');
});

test('a damaged snapshot is ignored, with the reason, and replaced by the next read', async () => {
  const snapshotsFolder = temporaryFolder();
  const file = join(snapshotsFolder, 'gateway.json');
  const before = openRegistry({ ...behindProxy, snapshotsFolder });
  await before.refresh();
  await before.close();
  const whole = readFileSync(file, 'utf8');
  for (const damaged of [
    whole.replace('"paused":false', '"paused":true'),
    whole.slice(0, -9),
    '',
    '[]',
    '{}',
  ]) {
    assert.notEqual(damaged, whole);
    writeFileSync(file, damaged);
    const { log, lines } = recordingLogger();
    const registry = openRegistry({ ...behindProxy, snapshotsFolder, log });
    assert.equal(registry.view.snapshot(), undefined);
    assert.ok(lines().some(({ level, reason }) => level === 'warn' && reason === 'damaged'));
    await registry.refresh();
    await registry.close();
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).body.chainId, 84_532);
  }
});

test('a head below the snapshot on disk makes no read, and the error names the file to delete', async () => {
  const snapshotsFolder = temporaryFolder();
  await network.mine(10);
  const before = openRegistry({ ...behindProxy, snapshotsFolder });
  await before.refresh();
  await before.close();
  rpc.misbehave('lag', 5);
  const restarted = openRegistry({ ...behindProxy, snapshotsFolder });
  await restarted.refresh();
  const { lastError } = restarted.status();
  assert.equal(lastError?.kind, 'old_head');
  assert.ok(lastError.message.includes(join(snapshotsFolder, 'gateway.json')));
  rpc.misbehave('none');
  await restarted.refresh();
  assert.equal(restarted.status().lastError, null);
});

async function newestTimestampS(chain: TestNetwork): Promise<number> {
  const registry = openRegistry({ urls: [chain.rpcUrl], router: chain.routerAddress as AddressText });
  await registry.refresh();
  return registry.status().blockTimestampS ?? assert.fail('the chain was not read');
}

/** A chain without Multicall3, where nothing in the answers of a liar gives it away, and a liar on it. */
async function startLyingChain(): Promise<{ chain: TestNetwork; liar: LyingRpc; owner: AddressText }> {
  const owner = newAddress();
  const chain = await startTestNetwork({ multicall: false, gateways: [owner] });
  after(chain.close);
  const liar = await startLyingRpc(chain.rpcUrl);
  after(liar.close);
  return { chain, liar, owner };
}

test('an RPC endpoint that claims a block far above the others moves nothing', async () => {
  const { chain, liar, owner } = await startLyingChain();
  liar.lie({ blocks: 0xffffffffff });
  for (const urls of [
    [chain.rpcUrl, liar.url],
    [liar.url, chain.rpcUrl],
  ]) {
    const registry = openRegistry({ urls, router: chain.routerAddress as AddressText });
    await registry.refresh();
    assert.equal(registry.status().blockNumber, await chain.blockNumber());
    assert.equal(registry.view.lookup(wordsOf(owner)), namedByActive);
    assert.deepEqual(registry.failures, []);
  }
});

test('after one made-up block number from the only endpoint the next honest block is read, after a restart too', async () => {
  const { chain, liar, owner } = await startLyingChain();
  const snapshotsFolder = temporaryFolder();
  const { log, lines } = recordingLogger();
  const settings = { urls: [liar.url], router: chain.routerAddress as AddressText, snapshotsFolder, log };
  liar.lie({ blocks: 0xffffffffff });
  const before = openRegistry(settings);
  await before.refresh();
  assert.ok((before.status().blockNumber ?? 0) >= 0xffffffffff, 'an only endpoint is believed');
  await before.close();

  liar.lie();
  const restarted = openRegistry(settings);
  assert.ok((restarted.status().blockNumber ?? 0) >= 0xffffffffff, 'the number is on disk');
  await restarted.refresh();
  assert.equal(restarted.status().lastError?.kind, 'old_head');
  liar.lie({ blocks: 0, seconds: 1 });
  await restarted.refresh();
  assert.equal(restarted.status().blockNumber, await chain.blockNumber());
  assert.equal(restarted.view.lookup(wordsOf(owner)), namedByActive);
  assert.ok(lines().some(({ level, msg }) => level === 'warn' && /chain went back/.test(msg)));
});

test('a made-up number with a made-up time is forgotten five minutes after it was seen', async () => {
  const { chain, liar } = await startLyingChain();
  let nowMs = Date.now();
  const clock = { nowMs: () => nowMs };
  const readAtS = Math.floor(nowMs / 1000);
  const chainS = await newestTimestampS(chain);
  const router = chain.routerAddress as AddressText;
  const registry = openRegistry({ urls: [liar.url], router, clock });
  liar.lie({ blocks: 0xffffffffff, seconds: 1e9 });
  await registry.refresh();
  const readAt = async (timestampS: number): Promise<string | undefined> => {
    liar.lie({ blocks: 0, seconds: timestampS - chainS });
    nowMs = timestampS * 1000;
    await registry.refresh();
    return registry.status().lastError?.kind;
  };
  assert.equal(await readAt(readAtS + 300), 'old_head');
  assert.equal(await readAt(readAtS + 301), undefined);
  assert.equal(registry.status().blockNumber, await chain.blockNumber());
});

test('a claimed block at which nothing can be read leaves the last good block in place', async () => {
  const chain = await startTestNetwork();
  after(chain.close);
  const liar = await startLyingRpc(chain.rpcUrl);
  after(liar.close);
  const registry = openRegistry({ urls: [liar.url], router: chain.routerAddress as AddressText });
  await registry.refresh();
  const { blockNumber } = registry.status();
  liar.lie({ blocks: 0xffffffffff });
  await registry.refresh();
  assert.equal(registry.status().lastError?.kind, 'unpinned');
  assert.equal(registry.status().blockNumber, blockNumber);
});

test('while every other endpoint fails a doubted one is read only as far as the last good read vouches', async () => {
  const { chain, liar } = await startLyingChain();
  const honest = await startFaultyRpc(chain.rpcUrl);
  after(honest.close);
  const registry = openRegistry({ urls: [honest.url, liar.url], router: chain.routerAddress as AddressText });
  await registry.refresh();
  liar.lie({ blocks: 0xffffffffff });
  honest.misbehave('hang_on_calls');
  const { blockNumber } = registry.status();
  await registry.refresh();
  assert.notEqual(registry.status().lastError, null);
  assert.equal(registry.status().blockNumber, blockNumber);
  honest.misbehave('none');
  await registry.refresh();
  assert.equal(registry.status().lastError, null);
});

test('the log says of a failed read whether there is a snapshot to go on with', async () => {
  const closed = await startFaultyRpc(network.rpcUrl);
  await closed.close();
  const first = recordingLogger();
  await openRegistry({ urls: [closed.url], router, log: first.log }).refresh();
  const [line] = first.lines().filter(({ level }) => level === 'warn');
  assert.equal(line?.msg, 'registry not read; there is no earlier snapshot to use');
  assert.match(JSON.stringify(line), /cannot be reached \(ECONNREFUSED\)/);

  const later = recordingLogger();
  const registry = openRegistry({ ...behindProxy, log: later.log });
  await registry.refresh();
  rpc.misbehave('server_error');
  await registry.refresh();
  rpc.misbehave('none');
  assert.ok(later.lines().some(({ msg }) => msg === 'registry not read; the last snapshot stays in use'));
});

test('a registry never read has no age, a stale one has', async () => {
  const closed = await startFaultyRpc(network.rpcUrl);
  await closed.close();
  const never = openRegistry({ urls: [closed.url], router });
  await never.refresh();
  assert.deepEqual([never.status().isFresh, never.status().ageMs], [false, null]);

  let nowMs = Date.now();
  const registry = openRegistry({ ...behindProxy, clock: { nowMs: () => nowMs }, maxStalenessMs: 60_000 });
  await registry.refresh();
  nowMs += 70_000;
  const { isFresh, ageMs, lastError } = registry.status();
  assert.deepEqual([isFresh, ageMs, lastError], [false, 70_000, null]);
});

test('a restarted thread over the same cells goes on where the first one ended', async () => {
  const cell = createRegistryCell(64);
  const snapshotsFolder = temporaryFolder();
  const view = openRegistryView({ cell, maxStalenessMs: 60_000, clock: { nowMs: Date.now } });
  const first = openRegistry({ ...behindProxy, cell, snapshotsFolder });
  await first.refresh();
  await first.close();
  const snapshot = view.snapshot();
  rpc.misbehave('server_error');
  const second = openRegistry({ ...behindProxy, cell, snapshotsFolder });
  assert.equal(view.snapshot(), snapshot);
  assert.equal(view.isFresh(), true);
  // The first read is over before the chain grows, so that the next one is not joined to it.
  await second.refresh();
  rpc.misbehave('none');
  await network.mine();
  await second.refresh();
  assert.ok((view.snapshot()?.blockNumber ?? 0) > (snapshot?.blockNumber ?? 0));
});

test('a folder that cannot be written costs a warning, not the read', async () => {
  const blocked = join(temporaryFolder(), 'file');
  writeFileSync(blocked, '');
  const { log, lines } = recordingLogger();
  const registry = openRegistry({ ...behindProxy, snapshotsFolder: join(blocked, 'snapshots'), log });
  await registry.refresh();
  assert.equal(registry.view.isFresh(), true);
  assert.ok(lines().some(({ level, msg }) => level === 'warn' && /not saved/.test(msg)));
});

test('an unchanged list is written again only after a tenth of its life', async () => {
  let nowMs = 1_800_000_000_000;
  const snapshotsFolder = temporaryFolder();
  const file = join(snapshotsFolder, 'gateway.json');
  const registry = openRegistry({
    ...behindProxy,
    snapshotsFolder,
    clock: { nowMs: () => nowMs },
    maxStalenessMs: 100_000,
  });
  await registry.refresh();
  assert.ok(existsSync(file));
  const savedAtMs = (): number => JSON.parse(readFileSync(file, 'utf8')).body.readAtMs;
  const firstAtMs = savedAtMs();
  nowMs += 9_999;
  await registry.refresh();
  assert.equal(savedAtMs(), firstAtMs);
  await network.gateways.register(newAddress());
  nowMs += 1;
  await registry.refresh();
  assert.equal(savedAtMs(), firstAtMs + 10_000);
  nowMs += 5_000;
  await registry.refresh();
  await registry.close();
  assert.equal(savedAtMs(), firstAtMs + 15_000, 'closing saves what was read last');
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { AddressText } from '#src/lib/address.js';
import { systemClock } from '#src/lib/clock.js';
import { renderMetrics } from '#src/metrics/threadMetrics.js';
import { createRegistryCell } from '#src/registry/registrySnapshot.js';
import type { RegistryThreadData, RegistryThreadMethods } from '#src/registry/registryThread.js';
import { openRegistryView } from '#src/registry/registryView.js';
import { namedByActive } from '#src/shm/addressIndex.js';
import { connectThread, type ThreadCalls } from '#src/threads/threadCalls.js';
import { startFaultyRpc } from '#test/chain/faultyRpc.js';
import { startTestNetwork, textId } from '#test/chain/network.js';
import { temporaryFolder, wordsOf } from './fixture.js';

const gateway: AddressText = '0x6a7e000000000000000000000000000000000001';
const owner: AddressText = '0x0e0e000000000000000000000000000000000002';
const network = await startTestNetwork({ gateways: [gateway], providers: [owner] });
const rpc = await startFaultyRpc(network.rpcUrl);
after(async () => {
  await rpc.close();
  await network.close();
});

const data: RegistryThreadData = {
  chainId: network.chainId,
  rpcUrls: [`${rpc.url}/v2/SECRETKEY`],
  router: network.routerAddress as AddressText,
  owner,
  gatewayPollIntervalMs: 600_000,
  providerPollIntervalMs: 600_000,
  maxStalenessMs: 1_800_000,
  confirmations: 0,
  snapshotsFolder: temporaryFolder(),
  logLevel: 'silent',
  gatewayCell: createRegistryCell(),
  providerCell: createRegistryCell(64),
};

interface Thread extends ThreadCalls<RegistryThreadMethods> {
  readonly exited: Promise<unknown>;
}

function startThread(overrides: Partial<RegistryThreadData> = {}): Thread {
  const worker = new Worker(new URL(import.meta.resolve('#workers/registry.js')), {
    workerData: { ...data, ...overrides },
  });
  const exited = once(worker, 'exit');
  after(() => worker.terminate());
  return { ...connectThread<RegistryThreadMethods, Record<never, never>>(worker, {}), exited };
}

test('the registry thread fills the cells that fronts read, and says how it is', async () => {
  const thread = startThread();
  const status = await thread.call('refresh', undefined, 20_000);
  assert.equal(status.gateway.isFresh, true);
  assert.equal(status.gateway.entries, 1);
  assert.equal(status.gateway.address, network.gateways.address);
  assert.equal(status.provider.address, network.providers.address);
  assert.equal(status.provider.lastError, null);
  assert.equal(status.rpcEndpoints[0]?.state, 'ok');
  assert.deepEqual(status.registration, { owner, state: 'active' });
  assert.doesNotMatch(JSON.stringify(status), /SECRETKEY/);

  const view = openRegistryView({ cell: data.gatewayCell, maxStalenessMs: 60_000, clock: systemClock });
  assert.equal(view.lookup(wordsOf(gateway)), namedByActive);
  assert.equal(view.snapshot()?.blockNumber, await network.blockNumber());
  assert.equal(view.snapshot()?.blockHash, status.gateway.blockHash);

  const metrics = await renderMetrics([await thread.call('collectMetrics', undefined)]);
  assert.match(metrics, /^fxn_registered 1$/m);
  assert.match(metrics, /^fxn_registry_entries\{registry="gateway"\} 1$/m);
  assert.match(metrics, /^fxn_registry_age_seconds\{registry="provider"\} \d/m);
  assert.match(metrics, /^fxn_registry_refresh_duration_seconds_count\{registry="gateway"\} \d+$/m);
  assert.match(metrics, /^fxn_rpc_up\{rpc="0"\} 1$/m);
  assert.doesNotMatch(metrics, /SECRETKEY|127\.0\.0\.1/);

  await thread.call('setLogLevel', 'silent');
  await thread.call('close', undefined);
  await thread.exited;
});

test('a thread started again over the same cells continues them, even while no RPC endpoint answers', async () => {
  rpc.misbehave('server_error');
  const view = openRegistryView({ cell: data.gatewayCell, maxStalenessMs: 60_000, clock: systemClock });
  const snapshot = view.snapshot();
  const thread = startThread();
  const status = await thread.call('refresh', undefined, 20_000);
  assert.equal(status.gateway.isFresh, true);
  assert.equal(status.gateway.lastError?.kind, 'http_error');
  assert.equal(status.rpcEndpoints[0]?.state, 'failed');
  assert.equal(view.snapshot(), snapshot);
  const metrics = await renderMetrics([await thread.call('collectMetrics', undefined)]);
  assert.match(metrics, /^fxn_registry_refresh_failures_total\{registry="gateway",kind="http_error"\} \d+$/m);
  assert.match(metrics, /^fxn_rpc_up\{rpc="0"\} 0$/m);
  rpc.misbehave('none');
  await thread.call('close', undefined);
  await thread.exited;
});

test("the gauge of this node's own registration follows the chain and is absent while unknown", async () => {
  const fresh = {
    snapshotsFolder: temporaryFolder(),
    gatewayCell: createRegistryCell(64),
    providerCell: createRegistryCell(64),
  };
  rpc.misbehave('server_error');
  const thread = startThread(fresh);
  const gauge = async (): Promise<string | undefined> => {
    const { registration } = await thread.call('refresh', undefined, 20_000);
    const metrics = await renderMetrics([await thread.call('collectMetrics', undefined)]);
    return `${registration.state} ${/^fxn_registered (\d)$/m.exec(metrics)?.[1] ?? 'absent'}`;
  };
  assert.equal(await gauge(), 'unknown absent');
  rpc.misbehave('none');
  assert.equal(await gauge(), 'active 1');
  await network.providers.pause(textId(owner));
  assert.equal(await gauge(), 'paused 0');
  await network.providers.unpause(textId(owner));
  assert.equal(await gauge(), 'active 1');
  await thread.call('close', undefined);
  await thread.exited;
});

test('closing ends the thread even while the RPC endpoint hangs', async (t) => {
  t.after(() => rpc.misbehave('none'));
  rpc.misbehave('hang');
  const thread = startThread({ gatewayCell: createRegistryCell(64), providerCell: createRegistryCell(64) });
  await thread.call('status', undefined, 20_000);
  const ended = Promise.all([thread.call('close', undefined), thread.exited]).then(() => 'ended');
  assert.equal(await Promise.race([ended, sleep(10_000, 'still there', { ref: false })]), 'ended');
});

test('a node that may run unregistered is not told of its registration, and still measures it', async (t) => {
  const linesOf = async (watchRegistration: boolean): Promise<string> => {
    const folder = temporaryFolder();
    const program = fileURLToPath(import.meta.resolve('./registryProcess.js'));
    const settings = {
      ...data,
      owner: gateway,
      watchRegistration,
      snapshotsFolder: folder,
      logLevel: 'info',
      gatewayCell: undefined,
      providerCell: undefined,
    };
    const child = execFile(process.execPath, [program, JSON.stringify(settings)]);
    t.after(() => child.kill('SIGKILL'));
    let text = '';
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
    });
    await once(child, 'close');
    return text;
  };
  const told = await linesOf(true);
  assert.match(told, /not a registered provider/);
  assert.match(told, /^fxn_registered 0$/m);
  const untold = await linesOf(false);
  assert.match(untold, /registry read/);
  assert.doesNotMatch(untold, /"level":"warn"|not a registered provider/);
  assert.match(untold, /^fxn_registered 0$/m);
});

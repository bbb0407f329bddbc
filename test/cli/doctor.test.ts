/** `fxn doctor` as an operator runs it, against a real chain and real sockets, with one thing wrong at a time. */
import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { writeKeyFile } from '#src/keys/keyFile.js';
import { type Anvil, startAnvil } from '#test/chain/anvil.js';
import { startTestNetwork, type TestNetwork } from '#test/chain/network.js';
import { startSkewedRpc } from '#test/chain/skewedRpc.js';
import { freePort } from '#test/demo/demoHome.js';
import { bytesOf, gatewayKey, schedulerKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';
import { eventually } from '#test/support/bypassNode.js';
import { vllm } from '#test/support/inferenceServers.js';
import { type LocalInference, startLocalInference } from '#test/support/localInference.js';
import { runNode } from '#test/support/nodeProcess.js';
import { type FinishedCommand, runFxn } from '#test/support/runFxn.js';

interface Finding {
  readonly id: string;
  readonly group: string;
  readonly severity: 'ok' | 'warning' | 'failure' | 'skipped';
  readonly title: string;
  readonly detail: string;
  readonly remedy: string | null;
}

interface Report {
  readonly isWell: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

interface Setup {
  readonly rpcUrls?: readonly string[];
  readonly node?: object;
  readonly registry?: object;
  readonly model?: string;
  readonly backendUrl?: string;
  readonly reachable?: readonly string[];
  /** Written as it is instead of everything else. */
  readonly configText?: string;
}

const provider = gatewayKey;

describe('fxn doctor', () => {
  let network: TestNetwork;
  let providerId: `0x${string}`;
  before(async () => {
    network = await startTestNetwork({ gateways: [schedulerKey.checksumAddress] });
    providerId = await network.providers.register(provider.checksumAddress);
  });
  after(() => network.close());
  // The newest block of a chain that nobody uses grows old.
  beforeEach(() => network.mine());

  let inference: LocalInference;
  const homeOf = async (t: TestContext, setup: Setup = {}): Promise<string> => {
    const home = await temporaryFolder(t);
    inference = await startLocalInference(t, { answers: vllm });
    const { rpcUrls = [network.rpcUrl], model = 'm', backendUrl = inference.url } = setup;
    const config = {
      node: { listenPort: await freePort(), threads: 1, ...setup.node },
      admin: { listenPort: await freePort() },
      rpcProvider: rpcUrls,
      schedulerAddress: schedulerKey.checksumAddress,
      registry: { routerSmartContractAddress: network.routerAddress, ...setup.registry },
      compute: { gpu: 'off', threads: 1 },
      challenge: { reachable: { allowHosts: setup.reachable ?? [] } },
    };
    const backends = [{ url: backendUrl, backendProvider: 'vllm', model }];
    writeFileSync(join(home, 'config.yaml'), setup.configText ?? stringify(config));
    writeFileSync(join(home, 'model_backend.yaml'), stringify({ models: [{ name: 'llama', backends }] }));
    await writeKeyFile(join(home, 'nodekey.json'), bytesOf(provider.privateKeyHex));
    return home;
  };

  const examine = async (home: string, args: readonly string[] = [], env = {}) => {
    const run = await runFxn(['doctor', '--json', '--home', home, ...args], { env });
    assert.equal(run.err, '');
    return { run, report: JSON.parse(run.out) as Report };
  };

  const only = ({ findings }: Report, id: string): Finding => {
    const found = findings.filter((finding) => finding.id === id);
    assert.equal(found.length, 1, JSON.stringify(findings, null, 1));
    return found[0] as Finding;
  };

  /** The one failure of a home in which one thing is wrong. */
  const failureOf = ({ run, report }: { run: FinishedCommand; report: Report }): Finding => {
    const failures = report.findings.filter(({ severity }) => severity === 'failure');
    assert.equal(failures.length, 1, JSON.stringify(failures, null, 1));
    assert.equal(run.code, 1);
    assert.equal(report.isWell, false);
    return failures[0] as Finding;
  };

  /** To be stopped before the test ends: a home that is removed must not be written into. */
  const startNode = async (t: TestContext, home: string) => {
    const node = runNode(t, ['--home', home], { FXN_KEY_PASSWORD: undefined });
    await node.says('"listening"');
    const stop = async (): Promise<void> => {
      node.child.kill('SIGTERM');
      await node.ended;
    };
    return { pid: node.child.pid, stop };
  };

  it('finds nothing wrong with a node that has what it needs, and has it generate a token', async (t) => {
    const home = await homeOf(t);
    const { run, report } = await examine(home, ['--generate']);
    assert.deepEqual(
      report.findings.filter(({ severity }) => severity === 'failure'),
      [],
    );
    assert.equal(run.code, 0);
    const ids = new Set(report.findings.filter(({ severity }) => severity === 'ok').map(({ id }) => id));
    for (const id of [
      'runtime',
      'home',
      'disk',
      'clock',
      'config',
      'key',
      'rpc',
      'contracts',
      'registration',
    ]) {
      assert.ok(ids.has(id), id);
    }
    for (const id of ['gateways', 'backend', 'generation', 'port', 'engine']) assert.ok(ids.has(id), id);
    assert.match(only(report, 'runtime').detail, /^Node\.js [\d.]+ on \w+ \w+, uWebSockets\.js \d+\.\d+/);
    assert.deepEqual(
      inference.completions.map(({ model, max_tokens, stream }) => [model, max_tokens, stream]),
      [['m', 1, true]],
    );
    // Listening on loopback without a public URL is a reservation.
    assert.equal(only(report, 'public_url_missing').severity, 'warning');
    assert.equal((await examine(home, ['--strict'])).run.code, 1);
  });

  it('names an RPC endpoint of another chain', async (t) => {
    const other: Anvil = await startAnvil({ chainId: 31_337 });
    t.after(() => other.close());
    const home = await homeOf(t, { rpcUrls: [network.rpcUrl, other.url] });
    const { id, detail, remedy } = failureOf(await examine(home));
    assert.equal(id, 'rpc_wrong_chain');
    assert.match(detail, /serves chain 31337, but the node is configured for chain 84532/);
    assert.equal(remedy, 'correct rpcProvider or chainId in config.yaml');
  });

  it('names an RPC endpoint that does not follow the chain any more', async (t) => {
    const stale = await startSkewedRpc(t, { target: network.rpcUrl, blocksS: -900 });
    const { id, detail, remedy } = failureOf(await examine(await homeOf(t, { rpcUrls: [stale] })));
    assert.equal(id, 'rpc_stale');
    assert.match(detail, /its newest block \d+ is 9\d\d s old/);
    assert.equal(remedy, 'put another endpoint in front of it under rpcProvider in config.yaml');
  });

  it('goes on with a warning where another endpoint works', async (t) => {
    const home = await homeOf(t, { rpcUrls: ['http://127.0.0.1:9', network.rpcUrl] });
    const { run, report } = await examine(home);
    assert.equal(only(report, 'rpc_unreachable').severity, 'warning');
    assert.match(only(report, 'rpc_unreachable').remedy ?? '', /correct or replace it under rpcProvider/);
    assert.equal(run.code, 0);
  });

  for (const [direction, seconds, evidence] of [
    ['behind', 300, 'dates'],
    ['ahead of', -300, 'dates'],
    ['behind', 300, 'blocks'],
  ] as const) {
    it(`says that the clock is five minutes ${direction} what ${evidence} tell`, async (t) => {
      const dateS = evidence === 'dates' ? seconds : null;
      const rpc = await startSkewedRpc(t, { target: network.rpcUrl, blocksS: seconds, dateS });
      const { id, detail, remedy } = failureOf(await examine(await homeOf(t, { rpcUrls: [rpc] })));
      assert.equal(id, 'clock_off');
      assert.match(detail, new RegExp(`^it is (?:2[5-9]\\d|30\\d) s ${direction} `));
      assert.match(remedy ?? '', /timedatectl set-ntp true/);
    });
  }

  it('names an owner that is not registered', async (t) => {
    const owner = '0x00000000000000000000000000000000000000aa';
    const { id, detail, remedy } = failureOf(await examine(await homeOf(t, { registry: { owner } })));
    assert.equal(id, 'registration_absent');
    assert.match(detail, /^0x0{38}aa is no registered provider/i);
    assert.match(
      remedy ?? '',
      new RegExp(
        `^register it on the provider registry ${network.providers.address} with "fxn provider register"`,
        'i',
      ),
    );
  });

  it('names a provider that is paused', async (t) => {
    const home = await homeOf(t);
    await network.providers.pause(providerId);
    t.after(() => network.providers.unpause(providerId));
    const { id, remedy } = failureOf(await examine(home));
    assert.equal(id, 'registration_paused');
    assert.equal(
      remedy,
      `end the pause with "fxn provider unpause", which calls unpause(${providerId}) on ${network.providers.address}`,
    );
  });

  it('names a model that its backend does not list', async (t) => {
    const { id, detail, remedy } = failureOf(await examine(await homeOf(t, { model: 'n' })));
    assert.equal(id, 'model_not_listed');
    assert.equal(detail, 'it does not list n, but m');
    assert.match(remedy ?? '', /^set "model" of this backend in model_backend\.yaml to "m"/);
  });

  it('names a backend that does not answer', async (t) => {
    const home = await homeOf(t);
    await inference.close();
    const { id, detail, remedy } = failureOf(await examine(home));
    assert.equal(id, 'backend_down');
    assert.equal(detail, `nothing answers at ${inference.url}`);
    assert.match(remedy ?? '', /^start the inference server, or correct the url in model_backend\.yaml$/);
  });

  it('names a port that another program holds, and the program', async (t) => {
    const stranger = createServer().listen(0, '127.0.0.1');
    t.after(() => stranger.close());
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port } = stranger.address() as { port: number };
    const home = await homeOf(t, { node: { listenPort: port } });
    const { id, detail, remedy } = failureOf(await examine(home));
    assert.equal(id, 'port_taken');
    assert.match(detail, new RegExp(`^127\\.0\\.0\\.1:${port} is held by `));
    if (process.platform === 'linux') assert.match(detail, new RegExp(`\\(process ${process.pid}\\)$`));
    assert.match(remedy ?? '', /set another node\.listenAddress or node\.listenPort in config\.yaml$/);
  });

  it('names a key that cannot be read', async (t) => {
    const home = await homeOf(t);
    const file = join(home, 'nodekey.json');
    writeFileSync(file, '{"private_key": "12ab"');
    const { run, report } = await examine(home);
    assert.equal(run.code, 1);
    const { detail, remedy } = only(report, 'key_unreadable');
    assert.equal(detail, `${file}: the file is not JSON`);
    assert.match(remedy ?? '', /^Restore the file from a backup/);

    rmSync(file);
    await writeKeyFile(file, bytesOf(provider.privateKeyHex), { password: 'right' });
    const locked = failureOf(await examine(home, [], { FXN_KEY_PASSWORD: 'wrong' }));
    assert.equal(locked.id, 'key_unreadable');
    assert.equal(locked.remedy, 'Give the password that the file was written with.');
    assert.equal(only((await examine(home)).report, 'key_password_needed').severity, 'warning');
  });

  it('names a key that others may read', async (t) => {
    const home = await homeOf(t);
    chmodSync(join(home, 'nodekey.json'), 0o644);
    const { report } = await examine(home);
    assert.equal(only(report, 'key_open_to_others').remedy, `chmod 600 ${join(home, 'nodekey.json')}`);
  });

  it('names the place of a fault in YAML, and checks the machine all the same', async (t) => {
    const home = await homeOf(t, { configText: 'rpcProvider: ["http://127.0.0.1:9"\nnode: {}\n' });
    const { run, report } = await examine(home);
    assert.equal(run.code, 1);
    const faults = report.findings.filter(({ id }) => id === 'config_invalid');
    const file = join(home, 'config.yaml');
    assert.ok(faults.length > 0);
    assert.match(faults[0]!.detail, new RegExp(`^${file}:2:\\d+: expected`));
    assert.match(faults[0]!.remedy ?? '', new RegExp(`^correct ${file} at line 2;`));
    assert.equal(only(report, 'runtime').severity, 'ok');
  });

  it('names a Router that is no contract', async (t) => {
    const registry = { routerSmartContractAddress: schedulerKey.checksumAddress };
    const { report } = await examine(await homeOf(t, { registry }));
    const faults = report.findings.filter(({ id }) => id === 'contracts_unanswered');
    assert.equal(faults.length, 2);
    assert.match(faults[0]!.detail, /There is no contract at the Router's address/);
    assert.match(faults[0]!.remedy ?? '', /^correct registry\.routerSmartContractAddress/);
  });

  it('knows the ports and the public URL of its own running node', async (t) => {
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const home = await homeOf(t, { node: { listenPort: port, publicUrl }, reachable: ['127.0.0.1'] });
    const stopped = await examine(home);
    assert.match(only(stopped.report, 'public_url').detail, /the node does not run/);
    const node = await startNode(t, home);
    const { run, report } = await eventually(
      () => examine(home),
      ({ run: { code } }) => code === 0,
    );
    assert.equal(run.code, 0);
    const ports = report.findings.filter(({ id }) => id === 'port');
    assert.deepEqual(
      ports.map(({ severity, detail }) => [severity, detail.includes(`process ${node.pid}`)]),
      [
        ['ok', true],
        ['ok', true],
      ],
    );
    assert.equal(only(report, 'public_url').detail, `${publicUrl}/health answers`);
    const left = await examine(home, ['--no-public']);
    assert.match(only(left.report, 'public_url').detail, /--no-public/);
    await node.stop();
  });

  it('refuses a public URL that is a private address', async (t) => {
    const port = await freePort();
    const home = await homeOf(t, { node: { listenPort: port, publicUrl: `http://127.0.0.1:${port}` } });
    const node = await startNode(t, home);
    const report = await examine(home);
    await node.stop();
    const { id, remedy } = failureOf(report);
    assert.equal(id, 'public_url_unreachable');
    assert.match(remedy ?? '', /a name or address that the internet reaches/);
  });

  it('prints plain words where there is no terminal', async (t) => {
    const { code, out } = await runFxn(['doctor', '--home', await homeOf(t, { model: 'n' }), '--no-engines']);
    assert.equal(code, 1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    assert.doesNotMatch(out, /[^\x0a\x20-\x7e]/);
    assert.match(out, /^Machine\n {2}ok {3}Runtime +Node/);
    assert.match(out, /^ {2}FAIL llama at 127.* it does not list n, but m\n +-> set "model"/m);
    assert.match(out, /^Not well: 1 failure, 1 warning, \d+ ok, \d+ not checked\.$/m);
  });
});

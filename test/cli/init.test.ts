// needs: script
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { configTemplate } from '#src/config/configTemplate.js';
import { loadConfig } from '#src/config/loadConfig.js';
import { modelBackendTemplate } from '#src/config/modelBackendTemplate.js';
import { type Anvil, startAnvil } from '#test/chain/anvil.js';
import { gatewayKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';
import { hosted, ollama, startFakeServer, vllm } from '#test/support/inferenceServers.js';
import { onTerminal } from '#test/support/pseudoTerminal.js';
import { fxnEntry, runFxn } from '#test/support/runFxn.js';

const anyAddress = gatewayKey.checksumAddress;

describe('fxn init', () => {
  let chain: Anvil;
  before(async () => {
    chain = await startAnvil();
  });
  after(() => chain.close());

  const newHome = async (t: TestContext): Promise<string> => join(await temporaryFolder(t), 'home');
  const initWith = (home: string, args: readonly string[], env = {}) =>
    runFxn(['init', '--yes', '--plain', '--home', home, '--rpc', chain.url, ...args], { env });

  it('writes what the options say, with the comments of the templates, and files that load', async (t) => {
    const home = await newHome(t);
    const server = await startFakeServer(t, vllm);
    const made = await initWith(home, [
      ...[
        '--model',
        `llama=${server.url}/v1#m`,
        '--model',
        `llama=${server.url.replace('127.0.0.1', 'localhost')}#m`,
      ],
      ...['--listen', '0.0.0.0:18080', '--admin', '19090', '--public-url', 'https://node.example.com'],
      ...['--owner', anyAddress],
    ]);
    assert.equal(made.code, 0, made.err);
    const { config, modelBackends, warnings } = loadConfig({ home, env: {} });
    assert.deepEqual(warnings, []);
    assert.deepEqual(config.rpcProvider, [chain.url]);
    assert.equal(config.node.listenAddress, '0.0.0.0');
    assert.deepEqual([config.node.listenPort, config.admin.listenPort], [18_080, 19_090]);
    assert.equal(config.node.publicUrl, 'https://node.example.com');
    assert.equal(config.registry.owner, anyAddress.toLowerCase());
    assert.equal(modelBackends.default, 'llama');
    const [model] = modelBackends.models;
    assert.equal(model?.name, 'llama');
    assert.deepEqual(
      model?.backends.map(({ model: name, backendProvider }) => [name, backendProvider]),
      [
        ['m', 'vllm'],
        ['m', 'vllm'],
      ],
    );
    const comments = (text: string): string[] => text.match(/^ *#.*$/gm) ?? [];
    const written = (name: string): string => readFileSync(join(home, name), 'utf8');
    assert.deepEqual(comments(written('config.yaml')), comments(configTemplate));
    assert.deepEqual(comments(written('model_backend.yaml')), comments(modelBackendTemplate));
    assert.deepEqual(readdirSync(home).sort(), ['config.yaml', 'model_backend.yaml', 'nodekey.json']);
    assert.match(
      made.out,
      new RegExp(
        `fxn start --home ${home}\n[^]*fxn provider register --home ${home} +registers 0x[^]*fxn doctor --home ${home} `,
      ),
    );
  });

  it('takes the only model of a server under the name that gateways ask for', async (t) => {
    const home = await newHome(t);
    const server = await startFakeServer(t, ollama);
    assert.equal((await initWith(home, ['--model', `llama=${server.url}`])).code, 0);
    const [model] = loadConfig({ home, env: {} }).modelBackends.models;
    assert.equal(model?.backends[0]?.model, 'm:latest');
    assert.equal(model?.backends[0]?.backendProvider, 'ollama');
  });

  it('asks which model is meant where a server has several', async (t) => {
    const home = await newHome(t);
    const server = await startFakeServer(t, hosted);
    const made = await initWith(home, ['--model', `llama=${server.url}`]);
    assert.equal(made.code, 2);
    assert.match(made.err, /does not list "llama", but m, other: --model llama=\S+#ONE_OF_THESE/);
    assert.equal(existsSync(home), false);
  });

  it('never touches files that exist, and says what would be different', async (t) => {
    const home = await newHome(t);
    const server = await startFakeServer(t, vllm);
    const model = ['--model', `m=${server.url}`];
    assert.equal((await initWith(home, model)).code, 0);
    const files = ['config.yaml', 'model_backend.yaml', 'nodekey.json'];
    const texts = () => files.map((file) => readFileSync(join(home, file), 'utf8'));
    const before = texts();

    const again = await initWith(home, model);
    assert.equal(again.code, 0, again.err);
    assert.doesNotMatch(again.out, /written|not as asked/);

    const other = await initWith(home, ['--model', `x=${server.url}#m`, '--listen', '127.0.0.1:18081']);
    assert.equal(other.code, 1);
    assert.match(other.out, /^not as asked for: config\.yaml, node\.listenPort: is \d+, would be 18081$/m);
    assert.match(other.out, /^not as asked for: model_backend\.yaml: does not have x at http.* as m$/m);
    assert.match(other.err, /edit them, or move them away/);
    assert.deepEqual(texts(), before);
  });

  it('adds the files that are missing to a home that has some', async (t) => {
    const home = await newHome(t);
    const server = await startFakeServer(t, vllm);
    assert.equal((await initWith(home, ['--model', `m=${server.url}`])).code, 0);
    const key = readFileSync(join(home, 'nodekey.json'), 'utf8');
    rmSync(join(home, 'model_backend.yaml'));
    const made = await initWith(home, ['--model', `n=${server.url}#m`]);
    assert.equal(made.code, 0, made.err);
    assert.equal(readFileSync(join(home, 'nodekey.json'), 'utf8'), key);
    assert.equal(loadConfig({ home, env: {} }).modelBackends.models[0]?.name, 'n');
  });

  it('writes nothing for an RPC endpoint of another chain', async (t) => {
    const home = await newHome(t);
    const other = await startAnvil({ chainId: 31_337 });
    t.after(() => other.close());
    const server = await startFakeServer(t, vllm);
    const made = await runFxn([
      ...['init', '--yes', '--home', home, '--rpc', other.url, '--model', `m=${server.url}`],
    ]);
    assert.equal(made.code, 2);
    assert.match(made.err, /serves chain 31337, not 84532: give another --rpc, or --chain-id 31337 with/);
    assert.equal(existsSync(home), false);
  });

  it('writes nothing beside a configuration that does not load, and names the place', async (t) => {
    const home = await temporaryFolder(t);
    writeFileSync(join(home, 'config.yaml'), 'rpcProvider: ["http://127.0.0.1:9"\nnode: {}\n');
    const server = await startFakeServer(t, vllm);
    const made = await initWith(home, ['--model', `m=${server.url}`]);
    assert.equal(made.code, 2);
    assert.match(made.err, new RegExp(`${join(home, 'config.yaml')}:\\d+:\\d+: expected`));
    assert.deepEqual(readdirSync(home), ['config.yaml']);
  });

  it('says what is wrong with options before it looks for anything', async (t) => {
    const home = await newHome(t);
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--scheduler', '0x12'], /--scheduler is an address: 0x and 40 hex digits/],
      [['--listen', 'here'], /--listen is HOST:PORT/],
      [['--model', 'llama'], /--model is NAME=URL/],
      [['--public-url', 'node.example.com'], /--public-url is a URL/],
    ];
    for (const [args, message] of cases) {
      const made = await initWith(home, args);
      assert.equal(made.code, 2);
      assert.match(made.err, message);
    }
    const silent = await runFxn(['init', '--home', home]);
    assert.equal(silent.code, 2);
    assert.match(silent.err, /no terminal to ask on: add --yes/);
    assert.equal(existsSync(home), false);
  });

  it('encrypts the key where a password is given, and configures where it stands', async (t) => {
    const folder = await temporaryFolder(t);
    const [home, passwordFile] = [join(folder, 'home'), join(folder, 'password')];
    writeFileSync(passwordFile, 'correct horse\n', { mode: 0o600 });
    const server = await startFakeServer(t, vllm);
    const made = await runFxn([
      ...['init', '--yes', '--home', home, '--rpc', chain.url, '--model', `m=${server.url}`],
      ...['--password-file', passwordFile],
    ]);
    assert.equal(made.code, 0, made.err);
    assert.doesNotMatch(made.err, /not encrypted/);
    const key = JSON.parse(readFileSync(join(home, 'nodekey.json'), 'utf8')) as { version: number };
    assert.equal(key.version, 3);
    assert.equal(loadConfig({ home, env: {} }).config.keys.passwordFile, passwordFile);
  });

  it('asks on a terminal, and leaves nothing when it is broken off there', async (t) => {
    const home = await newHome(t);
    const server = await startFakeServer(t, vllm);
    const words = [
      ...[process.execPath, fxnEntry, 'init', '--home', home, '--model', `m=${server.url}`],
      ...['--rpc', chain.url],
    ];
    const env = { FXN_KEY_PASSWORD: undefined };
    const left = onTerminal(words, { columns: 100, rows: 40 }, env);
    await left.shows('Address of the scheduler');
    left.type('\x03');
    assert.equal(await left.ended, 130);
    assert.equal(existsSync(home), false);

    const terminal = onTerminal(words, { columns: 100, rows: 40 }, env);
    for (const [question, answer] of [
      ['Address of the scheduler', 'nonsense'],
      ['It is an address: 0x and 40 hex digits.', anyAddress],
      ['Address of the Router contract', ''],
      ['Listen for gateways on', '127.0.0.1:18082'],
      ['URL under which gateways reach the node [none]', ''],
      ["Password for the node's key", ''],
    ] as const) {
      await terminal.shows(question);
      terminal.type(`${answer}\r`);
    }
    assert.equal(await terminal.ended, 0, terminal.shown());
    const { config } = loadConfig({ home, env: {} });
    assert.equal(config.schedulerAddress, anyAddress.toLowerCase());
    assert.equal(config.node.listenPort, 18_082);
    assert.match(terminal.shown(), /written {2}\S+nodekey\.json {2}\(not encrypted\)/);
  });
});

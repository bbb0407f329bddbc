/** Starts that cannot work, with the exit code and the words for it, and the lock that a dead node left behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { homeFiles, type NodeProcess, runNode, temporaryHome } from '../support/nodeProcess.js';

async function listen(t: TestContext): Promise<number> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const listeningPort = (node: NodeProcess): number => {
  const line = node
    .output()
    .split('\n')
    .find((text) => text.includes('"listening"'));
  return (JSON.parse(line!) as { port: number }).port;
};

describe('a start that cannot work', { concurrency: 2 }, () => {
  it('ends with 3 and the name of the holder when another node runs in the home', async (t) => {
    const home = temporaryHome(t, homeFiles());
    const first = runNode(t, ['--home', home]);
    await first.says('"listening"');
    const second = runNode(t, ['--home', home]);
    assert.equal(await second.ended, 3);
    assert.match(second.output(), new RegExp(`held by process ${first.child.pid}\\b`));
    assert.match(second.output(), /node\.lock/);
    first.child.kill('SIGTERM');
    assert.equal(await first.ended, 0);
    assert.ok(!existsSync(join(home, 'node.lock')), 'the lock is released');
  });

  it('takes the lock over from a node that was killed', async (t) => {
    const home = temporaryHome(t, homeFiles());
    const first = runNode(t, ['--home', home]);
    await first.says('"listening"');
    first.child.kill('SIGKILL');
    assert.equal(await first.ended, null);
    assert.ok(existsSync(join(home, 'node.lock')));
    const second = runNode(t, ['--home', home]);
    await second.says('"listening"');
    second.child.kill('SIGTERM');
    assert.equal(await second.ended, 0);
  });

  it('ends with 3 when another program has the port', async (t) => {
    const port = await listen(t);
    const home = temporaryHome(t, homeFiles({ port }));
    const node = runNode(t, ['--home', home]);
    assert.equal(await node.ended, 3);
    assert.match(node.output(), new RegExp(`port in use: 127\\.0\\.0\\.1:${port}`));
    assert.ok(!existsSync(join(home, 'node.lock')), 'the lock is released');
  });

  it('ends with 3 when another node has the port, which the server library would share', async (t) => {
    const first = runNode(t, ['--home', temporaryHome(t, homeFiles())]);
    await first.says('"listening"');
    const port = listeningPort(first);
    assert.ok(port > 0, 'port 0 is reported as the real one');
    const second = runNode(t, ['--home', temporaryHome(t, homeFiles({ port }))]);
    assert.equal(await second.ended, 3);
    assert.match(second.output(), /port in use/);
  });

  it('ends with 3 when the admin port is taken', async (t) => {
    const adminPort = await listen(t);
    const node = runNode(t, ['--home', temporaryHome(t, homeFiles({ adminPort }))]);
    assert.equal(await node.ended, 3);
    assert.match(node.output(), /admin\.listenPort/);
  });

  it('ends with 2 and every problem of both files with its place (the Go node: unknown keys ignored)', async (t) => {
    const home = temporaryHome(t, {
      'config.yaml': 'node:\n  listenPrt: 80\nrpcProvider: 7\nregistry:\n  bypassAuth: maybe\n',
      'model_backend.yaml': 'models:\n  - name: "x"\n    backends:\n      - url: "not a url"\n',
    });
    const node = runNode(t, ['--home', home]);
    assert.equal(await node.ended, 2);
    for (const place of [
      /config\.yaml:2:3: node\.listenPrt.*did you mean "node\.listenPort"/,
      /config\.yaml:3:\d+: rpcProvider/,
      /config\.yaml:\d+:\d+: schedulerAddress/,
      /config\.yaml:5:\d+: registry\.bypassAuth/,
      /config\.yaml:\d+:\d+: registry\.routerSmartContractAddress/,
      /model_backend\.yaml:4:\d+: models\[0\]\.backends\[0\]\.url/,
    ]) {
      assert.match(node.output(), place);
    }
  });

  it('ends with 2 when bypassAuth would be open to the network', async (t) => {
    const files = homeFiles();
    files['config.yaml'] = files['config.yaml']!.replace('node:', 'node:\n  listenAddress: "0.0.0.0"');
    const node = runNode(t, ['--home', temporaryHome(t, files)]);
    assert.equal(await node.ended, 2);
    assert.match(node.output(), /registry\.bypassAuth/);
  });

  for (const [name, text] of [
    ['is not JSON', '{'],
    ['holds no key', '{"private_key":"12"}'],
    ['is encrypted and there is no password', '{"version":3,"crypto":{}}'],
  ] as const) {
    it(`ends with 2 when the key file ${name}`, async (t) => {
      const home = temporaryHome(t, homeFiles());
      writeFileSync(join(home, 'nodekey.json'), text, { mode: 0o600 });
      const node = runNode(t, ['--home', home], { FXN_KEY_PASSWORD: undefined });
      assert.equal(await node.ended, 2);
      assert.match(node.output(), /nodekey\.json/);
    });
  }

  it('ends with 2 when the configuration cannot be read', async (t) => {
    const home = temporaryHome(t, homeFiles());
    // A folder in its place: permissions would not stop root.
    rmSync(join(home, 'config.yaml'));
    mkdirSync(join(home, 'config.yaml'));
    assert.equal(await runNode(t, ['--home', home]).ended, 2);
  });
});

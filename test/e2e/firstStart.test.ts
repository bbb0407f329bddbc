/** The first start in an empty home: configuration files and a key are written, said and used. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { runNode, temporaryHome } from '../support/nodeProcess.js';

const modeOf = (file: string): number => statSync(file).mode & 0o777;

describe('the first start', () => {
  it('writes both files and a key that only the owner may read, says so, and runs', async (t) => {
    const home = join(temporaryHome(t), 'not', 'there', 'yet');
    // The templates have fixed ports; everything else is used as it was written.
    const templates = runNode(t, ['--home', home], { FXN_KEY_PASSWORD: undefined });
    await Promise.race([templates.says('"listening"'), templates.ended]);
    const output = templates.output();
    for (const name of ['config.yaml', 'model_backend.yaml', 'nodekey.json']) {
      assert.equal(modeOf(join(home, name)), 0o600, name);
      assert.ok(output.includes(join(home, name)), `${name} is named`);
    }
    assert.equal(modeOf(home), 0o700);
    assert.match(output, /"msg":"the key is not encrypted"/);
    templates.child.kill('SIGTERM');
    await templates.ended;

    const config = readFileSync(join(home, 'config.yaml'), 'utf8');
    const written = parse(config) as { node: { listenPort: number }; admin: { listenPort: number } };
    assert.deepEqual([written.node.listenPort, written.admin.listenPort], [8080, 9090]);
    assert.match(config, /^\s*#/m, 'with comments');
    const key = readFileSync(join(home, 'nodekey.json'), 'utf8');
    const { address } = JSON.parse(key) as { address: string };

    const onFreePorts = config
      .replace(/listenPort: 8080/, 'listenPort: 0')
      .replace(/listenPort: 9090/, 'listenPort: 0');
    assert.notEqual(onFreePorts, config);
    writeFileSync(join(home, 'config.yaml'), onFreePorts);
    const next = runNode(t, ['--home', home], { FXN_KEY_PASSWORD: undefined });
    await next.says('"listening"');
    assert.doesNotMatch(next.output(), /first start/);
    assert.match(next.output(), new RegExp(`"address":"0x${address.replace(/^0x/, '')}"`, 'i'));
    assert.equal(readFileSync(join(home, 'config.yaml'), 'utf8'), onFreePorts, 'never overwritten');
    assert.equal(readFileSync(join(home, 'nodekey.json'), 'utf8'), key);
    next.child.kill('SIGTERM');
    assert.equal(await next.ended, 0);
  });

  it('encrypts the key when there is a password', async (t) => {
    const home = temporaryHome(t);
    const node = runNode(t, ['--home', home], { FXN_KEY_PASSWORD: 'correct horse' });
    await Promise.race([node.says('"listening"'), node.ended]);
    const key = readFileSync(join(home, 'nodekey.json'), 'utf8');
    assert.equal((JSON.parse(key) as { version: number }).version, 3);
    assert.doesNotMatch(key, /private_key/);
    assert.doesNotMatch(node.output(), /correct horse/);
    // Else it writes into a home that is being removed.
    node.child.kill('SIGTERM');
    await node.ended;
  });

  it('takes the home from FXN_HOME', async (t) => {
    const home = temporaryHome(t);
    const node = runNode(t, [], { FXN_HOME: home, FXN_KEY_PASSWORD: undefined });
    await node.says(join(home, 'config.yaml'));
    assert.equal(modeOf(join(home, 'config.yaml')), 0o600);
    node.child.kill('SIGTERM');
    await node.ended;
  });
});

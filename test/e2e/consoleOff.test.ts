/** A node without its console: the admin port has metrics and health, and nothing that a token opens. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBypassNode } from '../support/bypassNode.js';
import { pageHeaders } from '../support/consoleClient.js';
import { send } from '../support/httpClient.js';
import { runFxn } from '../support/runFxn.js';
import type { TestNode } from '../support/testNode.js';

describe('a node without its console', () => {
  let node: TestNode;
  before(async () => {
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: 'http://127.0.0.1:9' }] }] },
      config: { admin: { listenPort: 0, console: false } },
    });
  });
  after(() => node?.close());

  it('has no page, no status and no token', async () => {
    for (const path of ['/', '/status', '/status/history', '/console/session', '/console/configuration']) {
      const { status, text } = await send(`${node.adminUrl}${path}`);
      assert.equal(status, 404, path);
      assert.match(text, /"code":"route_not_found"/);
    }
    assert.ok(!existsSync(join(node.home, 'console-token')));
  });

  it('takes no orders', async () => {
    for (const path of ['/console/login', '/console/reload', '/console/drain']) {
      const { status } = await send(`${node.adminUrl}${path}`, { headers: pageHeaders(node), body: {} });
      assert.equal(status, 405, path);
    }
  });

  it('goes on telling metrics and health', async () => {
    for (const path of ['/metrics', '/health'])
      assert.equal((await send(`${node.adminUrl}${path}`)).status, 200);
  });

  it('has "fxn status" name the setting', async () => {
    const { code, err } = await runFxn(['status', '--home', node.home, '--url', node.adminUrl, '--once']);
    assert.equal(code, 2);
    assert.match(err, /tells no status: set admin\.console to true in its config\.yaml/);
  });
});

/** Alerts that a node sends by itself, from what happens to it to what its operator's webhook gets. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startTestNetwork, type TestNetwork } from '../chain/network.js';
import { eventually } from '../support/bypassNode.js';
import { startTestNode, type TestNode } from '../support/testNode.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhookReceiver.js';

const secret = 'T0p53cret';

describe('built-in alerts', () => {
  let network: TestNetwork;
  let backend: Server;
  let receiver: WebhookReceiver;
  let node: TestNode;
  let isBackendWell = true;
  const config = (webhookUrl: string) => ({
    proxy: { healthInterval: '3s' },
    registry: { requireRegistration: 'off' },
    alerts: { webhookUrl },
  });
  const urlOf = (path: string): string => `http://127.0.0.1:${receiver.port}/${secret}/${path}`;

  before(async () => {
    network = await startTestNetwork();
    backend = createServer((_, response) => response.writeHead(isBackendWell ? 200 : 500).end('{}'));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const backendUrl = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    receiver = await startWebhookReceiver();
    node = await startTestNode({
      rpcUrls: [network.rpcUrl],
      router: network.routerAddress,
      modelBackends: { models: [{ name: 'm', backends: [{ url: backendUrl }] }] },
      config: config(''),
    });
    await node.waitForReady();
  });
  after(async () => {
    await node?.close();
    backend?.closeAllConnections();
    backend?.close();
    await receiver?.stop();
    await network?.close();
    assert.ok(node.log.every((line) => !JSON.stringify(line).includes(secret)));
  });

  const told = (path: string): string[] =>
    receiver.posts
      .filter((post) => post.path === `/${secret}/${path}`)
      .map(({ body }) => `${String(body['alert'])} ${String(body['status'])}`);

  it('do not exist without a webhook', async () => {
    assert.equal(await node.metric('fxn_alert_notifications_total'), undefined);
    assert.ok(node.log.every(({ msg }) => msg !== 'alerts are posted'));
  });

  it('begin once, reach a receiver that was away, end once, and follow the URL of a reload', async () => {
    await receiver.stop();
    const applied = await node.reload({ config: config(urlOf('a')) });
    assert.match(String(applied.msg), /^reloaded /);
    assert.equal(
      node.log.find(({ msg }) => msg === 'alerts are posted')?.['webhook'],
      `http://127.0.0.1:${receiver.port}/[redacted]/[redacted]`,
    );
    isBackendWell = false;
    await node.waitForLog(({ msg }) => msg === 'the webhook takes no alerts');
    await receiver.open();
    const fired = await eventually(
      () => told('a'),
      (posts) => posts.length >= 2,
    );
    assert.deepEqual(fired.toSorted(), ['backend_down firing', 'not_ready firing']);
    const body = receiver.posts.find((post) => post.body['alert'] === 'not_ready')!.body;
    assert.match(String(body['text']), /^\[critical\] .*: the node cannot serve: backends: none answers\. /);
    assert.equal(body['content'], body['text']);

    isBackendWell = true;
    await eventually(
      () => told('a'),
      (posts) => posts.length >= 4,
    );
    assert.deepEqual(told('a').toSorted(), [
      'backend_down firing',
      'backend_down resolved',
      'not_ready firing',
      'not_ready resolved',
    ]);
    await eventually(
      () => node.metric('fxn_alert_notifications_total', { outcome: 'sent' }),
      (sent) => sent === 4,
    );

    isBackendWell = false;
    await node.reload({ config: config(urlOf('b')) });
    await eventually(
      () => told('b'),
      (posts) => posts.length >= 2,
    );
    assert.equal(told('a').length, 4);
    await node.reload({ config: config('') });
    await node.waitForLog(({ msg }) => msg === 'alerts are posted no more');
    assert.ok(node.log.every(({ msg }) => msg !== 'changed settings that only a restart applies'));
  });
});

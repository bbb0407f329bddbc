/** What an operator learns of a backend from its health checks: the kind, the model, and what contradicts the file. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { send } from '../support/httpClient.js';
import { llamacpp, llamacppLoading, ollama, startFakeServer } from '../support/inferenceServers.js';
import type { TestNode } from '../support/testNode.js';

const backendsOf = async (node: TestNode): Promise<Record<string, unknown>[]> => {
  const { text } = await send(`${node.adminUrl}/ready`);
  return (JSON.parse(text) as { backends: Record<string, unknown>[] }).backends;
};

describe('health checks of a running node', () => {
  it('tell the kind and whether the model is there, and warn of what contradicts the file', async (t) => {
    const server = await startFakeServer(t, ollama);
    const backend = server.url.replace('http://', '');
    const node = await startBypassNode({
      modelBackends: {
        models: [{ name: 'absent', backends: [{ url: server.url, backendProvider: 'vllm', apiKey: 'k3y' }] }],
      },
    });
    try {
      await eventually(
        () => backendsOf(node),
        ([first]) => first?.['up'] === true,
      );
      assert.deepEqual(await backendsOf(node), [{ backend, up: true, kind: 'ollama', modelListed: false }]);
      assert.equal(await node.metric('fxn_upstream_up', { backend }), 1);
      assert.equal(await node.metric('fxn_upstream_info', { backend, kind: 'ollama' }), 1);
      assert.equal(await node.metric('fxn_upstream_info'), 1);
      const kind = await node.waitForLog(({ msg }) => msg === 'backend is of another kind');
      assert.equal(kind.level, 'warn');
      assert.match(String(kind['remedy']), /"ollama"/);
      const model = await node.waitForLog(({ msg }) => msg === 'backend does not list the model');
      assert.deepEqual([model['model'], model['served']], ['absent', ['m:latest']]);
      assert.ok(!JSON.stringify(node.log).includes('k3y'));
    } finally {
      await node.close();
    }
  });

  it('wait for a llama.cpp that still loads its model', async (t) => {
    const server = await startFakeServer(t, llamacppLoading);
    const node = await startBypassNode({
      modelBackends: {
        models: [{ name: 'm', backends: [{ url: server.url, backendProvider: 'llamacpp' }] }],
      },
      config: { proxy: { healthInterval: '1s' } },
    });
    try {
      await node.waitForLog(({ msg }) => msg === 'backend does not answer');
      assert.equal(await node.metric('fxn_upstream_up'), 0);
      server.answers = llamacpp;
      const line = await node.waitForLog(({ msg }) => msg === 'backend answers');
      assert.equal(line['kind'], 'llamacpp');
      assert.equal(await node.metric('fxn_upstream_up'), 1);
    } finally {
      await node.close();
    }
  });
});

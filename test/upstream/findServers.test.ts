import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lookAt } from '#src/upstream/findServers.js';
import {
  hosted,
  llamacpp,
  ollama,
  sglang,
  startFakeServer,
  tgi,
  vllm,
} from '#test/support/inferenceServers.js';

const deadlineMs = 10_000;

describe('a look at an address', () => {
  for (const [kind, answers, models] of [
    ['vllm', vllm, ['m']],
    ['sglang', sglang, ['m']],
    ['ollama', ollama, ['m:latest']],
    ['llamacpp', llamacpp, ['gemma.gguf']],
    ['tgi', tgi, ['org/m']],
    ['custom', hosted, ['m', 'other']],
  ] as const) {
    it(`knows ${kind} and its models`, async (t) => {
      const { url } = await startFakeServer(t, answers);
      assert.deepEqual(await lookAt({ url, deadlineMs }), { kind: 'server', server: { url, kind, models } });
    });
  }

  it('finds nothing where a page answers that is no inference server', async (t) => {
    const { url } = await startFakeServer(t, { '/': { body: '<html>' }, '/v1/models': { body: '<html>' } });
    assert.deepEqual(await lookAt({ url, deadlineMs }), { kind: 'nothing', url });
    assert.deepEqual(await lookAt({ url: 'http://127.0.0.1:9', deadlineMs }), {
      kind: 'nothing',
      url: 'http://127.0.0.1:9',
    });
  });

  it('says that credentials are asked for, without guessing on', async (t) => {
    const server = await startFakeServer(t, { '/v1/models': { status: 401, body: { error: 'key' } } });
    assert.deepEqual(await lookAt({ url: server.url, deadlineMs }), { kind: 'refused', url: server.url });
    assert.deepEqual(server.asked, ['/v1/models']);
  });

  it('does not take another node of the network for an inference server', async (t) => {
    const data = [{ id: 'm', object: 'model', created: 1, owned_by: 'fxn' }];
    const { url } = await startFakeServer(t, { '/v1/models': { body: { object: 'list', data } } });
    assert.deepEqual(await lookAt({ url, deadlineMs }), { kind: 'node', url });
  });

  it('ends with its deadline where a server says nothing', async (t) => {
    const server = await startFakeServer(t, {});
    server.listener = () => undefined;
    assert.deepEqual(await lookAt({ url: server.url, deadlineMs: 200 }), {
      kind: 'nothing',
      url: server.url,
    });
  });
});

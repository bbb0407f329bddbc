import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import type { BackendKind } from '#src/upstream/backendKind.js';
import { BackendCheck } from '#src/upstream/checkBackend.js';
import {
  type Answers,
  hosted,
  llamacpp,
  llamacppLoading,
  ollama,
  sglang,
  startFakeServer,
  tgi,
  vllm,
} from '#test/support/inferenceServers.js';

const deadlineMs = 60_000;
const checkOf = (url: string, expected: BackendKind = 'custom', headers = {}): BackendCheck =>
  new BackendCheck({ url, headers, expected });

/** Without what the model list says of its server. */
const anonymous = (answers: Answers): Answers => ({ ...answers, '/v1/models': { body: { data: [] } } });

describe('what a health check takes for a sign of life', () => {
  for (const [status, isUp] of [
    [200, true],
    [302, true],
    [401, true],
    [404, true],
    [500, false],
    [503, false],
  ] as const) {
    it(`is ${status}: ${isUp}`, async (t) => {
      const server = await startFakeServer(t, {});
      server.listener = (_, response) => response.writeHead(status, { location: '/elsewhere' }).end('{}');
      const check = checkOf(server.url);
      assert.equal(await check.run(deadlineMs), isUp);
      assert.equal(await check.run(deadlineMs), isUp);
      assert.ok(!server.asked.includes('/elsewhere'), 'a redirect was followed');
    });
  }

  it('is nothing when nobody listens, nobody answers, the connection breaks, or no HTTP comes', async (t) => {
    assert.equal(await checkOf('http://127.0.0.1:1').run(deadlineMs), false);
    const behave = async (listener: RequestListener, limitMs = deadlineMs): Promise<boolean> => {
      const server = await startFakeServer(t, {});
      server.listener = listener;
      return checkOf(server.url).run(limitMs);
    };
    assert.equal(await behave(() => undefined, 200), false);
    assert.equal(await behave((_, response) => response.destroy()), false);
    assert.equal(await behave((request) => request.socket.end('220 mail.example.com ESMTP\r\n')), false);
  });

  it('is a head without the end of its body, too', async (t) => {
    const server = await startFakeServer(t, {});
    server.listener = (_, response) => void response.writeHead(200).write('[');
    assert.equal(await checkOf(server.url).run(200), true);
  });

  it('carries the credentials of the backend, below the path of its URL', async (t) => {
    const server = await startFakeServer(t, {});
    const keys = new Set<unknown>();
    server.listener = (request, response) => {
      keys.add(request.headers['x-api-key']);
      response.writeHead(404).end();
    };
    await checkOf(`${server.url}/prefix`, 'vllm', { 'x-api-key': 'k' }).run(deadlineMs);
    assert.deepEqual([...keys], ['k']);
    assert.ok(server.asked.length > 1);
    assert.ok(server.asked.every((path) => path.startsWith('/prefix/')));
  });
});

describe('finding out the kind of a backend', () => {
  for (const [kind, answers, healthPath] of [
    ['vllm', vllm, '/health'],
    ['sglang', sglang, '/v1/models'],
    ['ollama', ollama, '/api/tags'],
    ['llamacpp', llamacpp, '/health'],
    ['tgi', tgi, '/health'],
    ['custom', hosted, '/v1/models'],
  ] as const) {
    it(`knows ${kind} by its model list and keeps asking ${healthPath} alone`, async (t) => {
      const server = await startFakeServer(t, answers);
      const check = checkOf(server.url);
      assert.equal(await check.run(deadlineMs), true);
      assert.equal(check.kind, kind);
      const first = healthPath === '/v1/models' ? ['/v1/models'] : ['/v1/models', healthPath];
      assert.deepEqual(server.asked, first);
      assert.equal(await check.run(deadlineMs), true);
      assert.deepEqual(server.asked, [...first, healthPath]);
    });
  }

  for (const [kind, answers] of [
    ['sglang', sglang],
    ['ollama', ollama],
    ['llamacpp', llamacpp],
    ['tgi', tgi],
  ] as const) {
    it(`asks further where the list does not tell, and knows ${kind}`, async (t) => {
      const check = checkOf((await startFakeServer(t, anonymous(answers))).url);
      assert.equal(await check.run(deadlineMs), true);
      assert.equal(check.kind, kind);
    });
  }

  it('takes a bare version for vLLM only where the operator says vLLM', async (t) => {
    const server = await startFakeServer(t, anonymous(vllm));
    const [told, untold] = [checkOf(server.url, 'vllm'), checkOf(server.url)];
    await told.run(deadlineMs);
    await untold.run(deadlineMs);
    assert.deepEqual([told.kind, untold.kind], ['vllm', 'custom']);
  });

  it('does not try further questions on a server that refuses the credentials', async (t) => {
    const server = await startFakeServer(t, {});
    server.listener = (_, response) => response.writeHead(401).end();
    const check = checkOf(server.url);
    assert.equal(await check.run(deadlineMs), true);
    assert.deepEqual(server.asked, ['/v1/models']);
  });

  it('is "custom" for garbage, for a list of nonsense and for more than a megabyte', async (t) => {
    const bodies = [
      '<html>',
      '{"data":[1,null,[],{"id":7}]}',
      '{"data":"vllm"}',
      '[]',
      'null',
      JSON.stringify({ data: [{ id: 'x'.repeat(1_100_000), owned_by: 'vllm' }] }),
    ];
    for (const body of bodies) {
      const server = await startFakeServer(t, {});
      server.listener = (_, response) => response.writeHead(200).end(body);
      const check = checkOf(server.url);
      assert.equal(await check.run(deadlineMs), true);
      assert.equal(check.kind, 'custom', body.slice(0, 40));
    }
  });

  it('does not take a server that hangs on unknown questions for a dead one', async (t) => {
    const server = await startFakeServer(t, {});
    server.listener = (request, response) => {
      if (request.url === '/v1/models') response.end('{"data":[]}');
    };
    const check = checkOf(server.url);
    assert.equal(await check.run(deadlineMs), true);
    assert.equal(check.kind, 'custom');
  });

  it('falls back to the model list where a vLLM has no /health', async (t) => {
    const { '/v1/models': models } = vllm;
    const server = await startFakeServer(t, { '/v1/models': models! });
    const check = checkOf(server.url, 'vllm');
    assert.equal(await check.run(deadlineMs), true);
    assert.equal(await check.run(deadlineMs), true);
    assert.deepEqual(server.asked, ['/v1/models', '/health', '/v1/models']);
  });

  it('checks a server that does not tell its kind the way of the kind that the operator names', async (t) => {
    const unsaid: Answers = { '/v1/models': { body: { data: [{ id: 'm' }] } }, '/health': { body: {} } };
    const server = await startFakeServer(t, unsaid);
    const check = checkOf(server.url, 'vllm');
    assert.equal(await check.run(deadlineMs), true);
    assert.equal(check.kind, 'custom');
    server.answers = { ...unsaid, '/health': { status: 503, body: {} } };
    assert.equal(await check.run(deadlineMs), false);
    // SGLang's /health generates a token, and of an unknown server nobody knows.
    for (const expected of ['sglang', 'custom'] as const) {
      const careful = await startFakeServer(t, unsaid);
      assert.equal(await checkOf(careful.url, expected).run(deadlineMs), true);
      assert.ok(!careful.asked.includes('/health'));
    }
  });

  it('knows Ollama by its list of tags alone, and llama.cpp not by its like of it', async (t) => {
    const tags = { models: [{ name: 'm:latest' }] };
    const kindOf = async (body: unknown): Promise<BackendKind | undefined> => {
      const check = checkOf((await startFakeServer(t, { '/api/tags': { body } })).url);
      await check.run(deadlineMs);
      return check.kind;
    };
    assert.equal(await kindOf(tags), 'ollama');
    assert.equal(await kindOf({ ...tags, data: [] }), 'custom');
  });

  it('knows llama.cpp as down while it loads its model, although its model list answers', async (t) => {
    const server = await startFakeServer(t, llamacppLoading);
    const check = checkOf(server.url);
    assert.equal(await check.run(deadlineMs), false);
    server.answers = llamacpp;
    assert.equal(await check.run(deadlineMs), true);
  });

  it('finds out anew what answers after the server was down', async (t) => {
    const server = await startFakeServer(t, vllm);
    const check = checkOf(server.url);
    await check.run(deadlineMs);
    server.listener = (_, response) => response.writeHead(500).end();
    assert.equal(await check.run(deadlineMs), false);
    server.listener = undefined;
    server.answers = ollama;
    assert.equal(await check.run(deadlineMs), true);
    assert.equal(check.kind, 'ollama');
  });
});

describe('the names of the models', () => {
  it('come with the check where that is a list, and on request elsewhere', async (t) => {
    const server = await startFakeServer(t, vllm);
    const check = checkOf(server.url);
    await check.run(deadlineMs);
    assert.deepEqual(check.modelNames, ['m']);
    server.answers = { ...vllm, '/v1/models': { body: { data: [{ id: 'new', owned_by: 'vllm' }] } } };
    await check.run(deadlineMs);
    assert.deepEqual(check.modelNames, ['m']);
    await check.run(deadlineMs, true);
    assert.deepEqual(check.modelNames, ['new']);

    const pulled = await startFakeServer(t, ollama);
    const tags = checkOf(pulled.url);
    await tags.run(deadlineMs);
    pulled.answers = { ...ollama, '/api/tags': { body: { models: [{ name: 'b:7b' }] } } };
    await tags.run(deadlineMs);
    assert.deepEqual(tags.modelNames, ['b:7b']);
  });
});

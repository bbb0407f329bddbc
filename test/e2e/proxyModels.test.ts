/** Which backend a request goes to and under what name: models, aliases, the default, several backends. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { type Answer, open, send } from '../support/httpClient.js';
import { sendRaw } from '../support/rawHttp.js';
import { json, type ReceivedRequest, startTestBackend, type TestBackend } from '../support/testBackend.js';
import type { TestNode } from '../support/testNode.js';

const ok = (model: string) => (_: ReceivedRequest, response: Parameters<typeof json>[0]) =>
  json(response, 200, { object: 'x', model });
const errorOf = (answer: Answer): { code: string; param: string | null } =>
  (JSON.parse(answer.text) as { error: { code: string; param: string | null } }).error;

describe('the model of a request', () => {
  let backend: TestBackend;
  let withDefault: TestNode;
  let withoutDefault: TestNode;
  before(async () => {
    backend = await startTestBackend(ok('inner'));
    const models = [
      { name: 'org/one', aliases: ['one', 'uno'], backends: [{ url: backend.url, model: 'inner' }] },
      { name: 'two', backends: [{ url: backend.url }] },
    ];
    [withDefault, withoutDefault] = await Promise.all([
      startBypassNode({
        modelBackends: { models, default: 'one' },
        config: { proxy: { passThrough: true } },
      }),
      startBypassNode({ modelBackends: { models } }),
    ]);
  });
  after(async () => {
    await Promise.all([withDefault?.close(), withoutDefault?.close()]);
    await backend?.close();
  });

  const post = (node: TestNode, body: string | object, path = '/v1/chat/completions'): Promise<Answer> =>
    send(`${node.url}${path}`, { body });
  const received = (): string => backend.requests.at(-1)!.body;

  it('is the name, and the backend gets its own name for it, everything else the same bytes', async () => {
    const answer = await post(
      withoutDefault,
      '{ "messages": [{"model":"org/one"}],\n"model" : "org/one", "n":1.0 }',
    );
    assert.equal(answer.status, 200);
    assert.equal(received(), '{ "messages": [{"model":"org/one"}],\n"model" : "inner", "n":1.0 }');
    assert.equal((JSON.parse(answer.text) as { model: string }).model, 'org/one');
  });

  it('may be an alias, which is also what the answer says', async () => {
    const answer = await post(withoutDefault, { model: 'uno' });
    assert.equal((JSON.parse(received()) as { model: string }).model, 'inner');
    assert.equal((JSON.parse(answer.text) as { model: string }).model, 'uno');
  });

  it('may be written with escapes, as key and as value', async () => {
    await post(withoutDefault, '{"m\\u006fdel":"\\u006fne"}');
    assert.equal(received(), '{"m\\u006fdel":"inner"}');
  });

  it('is left as it is when the backend has the same name for it', async () => {
    const body = '{"m\\u006fdel" :"\\u0074wo" }';
    await post(withoutDefault, body);
    assert.equal(received(), body);
  });

  it('is the default when there is none', async () => {
    const answer = await post(withDefault, '{ "messages":[] }');
    assert.equal(received(), '{"model":"inner", "messages":[] }');
    assert.equal((JSON.parse(answer.text) as { model: string }).model, 'org/one');
    await post(withDefault, '{}');
    assert.equal(received(), '{"model":"inner"}');
  });

  it('is the default when it is not listed, answered under the name that was asked for', async () => {
    const answer = await post(withDefault, { model: 'gpt-4o' });
    assert.equal((JSON.parse(received()) as { model: string }).model, 'inner');
    assert.equal((JSON.parse(answer.text) as { model: string }).model, 'gpt-4o');
  });

  it('must be there when there is no default', async () => {
    const answer = await post(withoutDefault, { messages: [] });
    assert.equal(answer.status, 400);
    assert.deepEqual(
      { code: errorOf(answer).code, param: errorOf(answer).param },
      { code: 'invalid_request', param: 'model' },
    );
  });

  it('must be known when there is no default', async () => {
    const answer = await post(withoutDefault, { model: 'nope' });
    assert.equal(answer.status, 404);
    assert.equal(errorOf(answer).code, 'model_not_found');
  });

  it('must be named once', async () => {
    for (const body of [
      '{"model":"two","model":"two"}',
      '{"model":"two","mod\\u0065l":"org/one"}',
      '{"model":"two","model":null}',
      '{"model":1,"model":2}',
    ]) {
      const answer = await post(withDefault, body);
      assert.equal(answer.status, 400, body);
      assert.equal(errorOf(answer).code, 'invalid_request');
    }
  });

  it('must be a string', async () => {
    for (const value of ['1', 'null', 'true', '["two"]', '{"model":"two"}']) {
      const answer = await post(withDefault, `{"model":${value}}`);
      assert.equal(answer.status, 400, value);
      assert.equal(errorOf(answer).code, 'invalid_request');
    }
  });

  it('needs a JSON object around it', async () => {
    for (const body of ['', '[]', '"two"', '{"model":"two"', '{"model":"two"} x', 'model=two', '\u0000']) {
      const answer = await send(`${withDefault.url}/v1/chat/completions`, { method: 'POST', body });
      assert.equal(answer.status, 400, body);
      assert.equal(errorOf(answer).code, 'invalid_json');
    }
  });

  it('is not looked for inside other values (the Go node: a regex over the body)', async () => {
    const body =
      '{"model":"two","messages":[{"content":"\\"model\\": \\"org/one\\""}],"x":{"model":"org/one"}}';
    await post(withoutDefault, body);
    assert.equal(received(), body);
  });

  it('decides where other routes go when they pass through', async () => {
    const answer = await post(withDefault, { model: 'two', input: 'x' }, '/v1/rerank?top=1');
    assert.equal(answer.status, 200);
    assert.equal(backend.requests.at(-1)?.url, '/v1/rerank?top=1');
    assert.equal((JSON.parse(received()) as { model: string }).model, 'two');
  });

  it('is the default for other methods and bodies that pass through, which stay as they are', async () => {
    const binary = Buffer.from('\u0000not json "model":"x"');
    await send(`${withDefault.url}/v1/audio/transcriptions`, {
      body: binary,
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    });
    assert.equal(received(), binary.toString());
    assert.equal(backend.requests.at(-1)?.headers['content-type'], 'multipart/form-data; boundary=x');
    for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS']) {
      const answer = await send(`${withDefault.url}/v1/files/a%2Fb`, { method });
      assert.equal(answer.status, 200, method);
      assert.equal(backend.requests.at(-1)?.method, method);
      assert.equal(backend.requests.at(-1)?.url, '/v1/files/a%2Fb');
    }
  });

  it('answers HEAD on a route that passes through, without a body', async () => {
    const answer = await send(`${withDefault.url}/v1/files`, { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    assert.ok(answer.isWhole);
  });

  it('survives methods that no API has', async () => {
    for (const method of ['CONNECT', 'TRACE', 'FOO']) {
      const { statuses } = await sendRaw(
        withDefault.port,
        `${method} /v1/files HTTP/1.1\r\nHost: x\r\n\r\n`,
        { until: (text) => text.includes('\r\n\r\n') },
      );
      assert.ok(statuses.length === 0 || statuses[0]! >= 200, `${method}: ${statuses}`);
    }
    await eventually(
      () => withDefault.metric('fxn_http_in_flight_requests'),
      (inFlight) => inFlight === 0,
    );
    assert.equal((await post(withDefault, { model: 'two' })).status, 200);
    assert.equal(await withDefault.metric('fxn_thread_restarts_total', { thread: 'front' }), undefined);
  });

  it('has no other routes unless they pass through', async () => {
    const before = backend.requests.length;
    const answer = await post(withoutDefault, { model: 'two' }, '/v1/rerank');
    assert.equal(answer.status, 404);
    assert.equal(errorOf(answer).code, 'route_not_found');
    assert.equal(backend.requests.length, before);
  });
});

describe("the Go node's flat file", () => {
  let backend: TestBackend;
  let renaming: TestNode;
  let plain: TestNode;
  before(async () => {
    backend = await startTestBackend(ok('alias-name'));
    const flat = { backendProvider: 'vllm', url: `${backend.url}/v1`, fxnId: '2', apiKey: 'flat-key' };
    [renaming, plain] = await Promise.all([
      startBypassNode({ modelBackends: { ...flat, modelNameAlias: 'alias-name' } }),
      startBypassNode({ modelBackends: { ...flat, bearerToken: 'flat-token' } }),
    ]);
  });
  after(async () => {
    await Promise.all([renaming?.close(), plain?.close()]);
    await backend?.close();
  });

  it('sends every model to its backend under the alias, and back under the name asked for', async () => {
    for (const model of ['anything', '2']) {
      const answer = await send(`${renaming.url}/v1/chat/completions`, { body: { model } });
      const request = backend.requests.at(-1)!;
      assert.equal((JSON.parse(request.body) as { model: string }).model, 'alias-name');
      assert.equal(request.url, '/v1/chat/completions');
      assert.equal(request.headers['x-api-key'], 'flat-key');
      assert.equal((JSON.parse(answer.text) as { model: string }).model, model);
    }
  });

  it('changes no name without an alias', async () => {
    const body = '{"model": "anything" }';
    const answer = await send(`${plain.url}/v1/completions`, { body });
    assert.equal(backend.requests.at(-1)?.body, body);
    assert.equal(backend.requests.at(-1)?.headers.authorization, 'Bearer flat-token');
    assert.equal(answer.status, 200);
  });

  it('lists its fxnId as the one model', async () => {
    const answer = await send(`${plain.url}/v1/models`);
    const { data } = JSON.parse(answer.text) as { data: { id: string; fxn_id: string; created: number }[] };
    assert.deepEqual(
      data.map(({ id, fxn_id }) => ({ id, fxn_id })),
      [{ id: '2', fxn_id: '2' }],
    );
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const later = await send(`${plain.url}/v1/models`);
    assert.equal(later.text, answer.text, 'created is when the configuration was loaded, not now');
  });
});

describe('several backends of one model', () => {
  const backends: TestBackend[] = [];
  let node: TestNode;
  before(async () => {
    for (let index = 0; index < 2; index++) backends.push(await startTestBackend(ok('m')));
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: backends.map(({ url }) => ({ url })) }] },
      config: { proxy: { healthInterval: '1s' } },
    });
  });
  after(async () => {
    await node?.close();
    for (const backend of backends) await backend.close();
  });

  const url = (): string => `${node.url}/v1/chat/completions`;
  const counts = (): number[] => backends.map(({ requests }) => requests.length);

  it('take turns when they are equally busy', async () => {
    for (let index = 0; index < 20; index++) await send(url(), { body: { model: 'm' } });
    for (const count of counts()) assert.ok(count >= 4, String(counts()));
  });

  it('the less busy one gets the next request, counted over all fronts', async () => {
    const held: (() => void)[] = [];
    for (const backend of backends) {
      backend.handler = (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
        held.push(() => response.end());
      };
    }
    const before = counts();
    // Held one after the other, so that each sees the ones before it.
    const answers = [];
    for (let index = 0; index < 8; index++) answers.push(await open(url(), { body: { model: 'm' } }));
    assert.deepEqual(
      counts().map((count, index) => count - before[index]!),
      [4, 4],
    );
    for (const release of held) release();
    for (const answer of answers) await answer.end();
    for (const backend of backends) backend.handler = ok('m');
    await eventually(
      () => node.metric('fxn_upstream_in_flight_requests'),
      (inFlight) => inFlight === 0,
    );
  });

  it('a dead one is avoided once the health check has noticed, and used again when it is back', async () => {
    const [dead, alive] = backends as [TestBackend, TestBackend];
    await dead.close();
    await node.waitForLog((line) => line.msg === 'backend does not answer');
    const before = alive.requests.length;
    for (let index = 0; index < 10; index++) {
      assert.equal((await send(url(), { body: { model: 'm' } })).status, 200);
    }
    assert.equal(alive.requests.length, before + 10);
    const label = new URL(dead.url).host;
    assert.equal(await node.metric('fxn_upstream_up', { backend: label }), 0);

    backends[0] = await startTestBackend(ok('m'), dead.port);
    const from = node.log.length;
    await node.waitForLog(
      (line) =>
        line.msg === 'backend answers' && line['backend'] === label && node.log.indexOf(line) >= from - 1,
    );
    await eventually(
      async () => {
        await send(url(), { body: { model: 'm' } });
        return backends[0]!.requests.length;
      },
      (count) => count > 0,
    );
  });
});

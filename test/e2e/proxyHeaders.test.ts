/** What crosses the node beside the body: headers, ids, paths, statuses and redirects, both ways. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestNetwork, type TestNetwork } from '../chain/network.js';
import { createCaller } from '../support/caller.js';
import { type Answer, send } from '../support/httpClient.js';
import { sendRaw } from '../support/rawHttp.js';
import { json, startTestBackend, type TestBackend } from '../support/testBackend.js';
import { startTestNode, type TestNode } from '../support/testNode.js';

const fixedKey = 'operator-api-key-1234567890';
const fixedToken = 'operator-bearer-0987654321';
const secretText = 'stack trace of http://10.1.2.3:9999/internal';

describe('what crosses the proxy', () => {
  const gateway = createCaller();
  let network: TestNetwork;
  let backend: TestBackend;
  let other: TestBackend;
  let node: TestNode;
  before(async () => {
    network = await startTestNetwork({ gateways: [gateway.address] });
    backend = await startTestBackend((_, response) => json(response, 200, { model: 'm' }));
    other = await startTestBackend((_, response) => json(response, 200, { model: 'm' }));
    const to = (name: string, url: string, more = {}): object => ({ name, backends: [{ url, ...more }] });
    node = await startTestNode({
      rpcUrls: [network.rpcUrl],
      router: network.routerAddress,
      modelBackends: {
        models: [
          to('m', backend.url),
          to('fixed', backend.url, {
            apiKey: fixedKey,
            bearerToken: fixedToken,
            headers: { 'X-Tenant': 'blue', 'OpenAI-Beta': 'ours' },
          }),
          to('v1', `${backend.url}/v1`),
          to('v1-slash', `${backend.url}/v1/`),
          to('slash', `${backend.url}/`),
          to('prefix', `${backend.url}/some/prefix`),
          to('prefix-v1', `${backend.url}/some/prefix/v1/`),
        ],
      },
      config: { logger: { verbosity: 'trace' }, proxy: { passThrough: true, breaker: { failures: 1_000 } } },
    });
    await node.waitForReady();
  });
  after(async () => {
    await node?.close();
    await backend?.close();
    await other?.close();
    await network?.close();
  });

  /** A signed request, with more headers as told. */
  const ask = async (
    model: string,
    { headers = {}, path = '/v1/chat/completions' }: { headers?: Record<string, string>; path?: string } = {},
  ): Promise<Answer> => {
    const body = JSON.stringify({ model });
    return send(`${node.url}${path}`, { body, headers: { ...(await gateway.sign(body)), ...headers } });
  };
  const lastHeaders = () => backend.requests.at(-1)!.headers;
  const replyWith = (status: number, headers: Record<string, string | string[]>, body = ''): void => {
    backend.handler = (_, response) => void response.writeHead(status, headers).end(body);
  };
  const replyWell = (): void => {
    backend.handler = (_, response) => json(response, 200, { model: 'm' });
  };

  it('sends up only what the backend may see (the Go node: signatures, cookies and hop-by-hop headers)', async () => {
    replyWell();
    const answer = await ask('m', {
      headers: {
        authorization: 'Bearer of the caller',
        cookie: 'session=1',
        'x-api-key': 'key of the caller',
        'x-forwarded-for': '10.0.0.1',
        forwarded: 'for=10.0.0.1',
        'accept-encoding': 'gzip, br',
        'user-agent': 'some-agent/1',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
        'x-custom': 'no',
        'openai-organization': 'org',
        'openai-beta': 'assistants=v2',
        accept: 'text/event-stream',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'vendor=1',
        'x-request-id': 'caller-id.1',
      },
    });
    assert.equal(answer.status, 200);
    const received = { ...lastHeaders() };
    assert.equal(received.host, new URL(backend.url).host);
    // Of the connection to the backend itself.
    for (const name of ['host', 'connection', 'content-length']) delete received[name];
    assert.deepEqual(received, {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      'openai-beta': 'assistants=v2',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=1',
      'x-request-id': 'caller-id.1',
    });
  });

  it('sends up what the backend entry sets, also in place of what the caller sent', async () => {
    replyWell();
    await ask('fixed', { headers: { 'openai-beta': 'theirs', 'x-tenant': 'red' } });
    const received = lastHeaders();
    assert.equal(received['x-api-key'], fixedKey);
    assert.equal(received.authorization, `Bearer ${fixedToken}`);
    assert.equal(received['x-tenant'], 'blue');
    assert.equal(received['openai-beta'], 'ours');
  });

  it('hands down only what the caller may see', async () => {
    replyWith(
      200,
      {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'retry-after': '3',
        'openai-processing-ms': '12',
        'x-ratelimit-remaining-requests': '9',
        'x-ratelimit-reset-tokens': '1s',
        'x-request-id': 'of the backend',
        'set-cookie': ['a=1', 'b=2'],
        server: 'uvicorn',
        location: 'http://10.0.0.1/',
        'x-internal': 'secret',
        'www-authenticate': 'Bearer',
        via: '1.1 inner',
        'access-control-allow-origin': '*',
        date: 'Thu, 01 Jan 1970 00:00:00 GMT',
      },
      '{}',
    );
    const answer = await ask('m', { headers: { 'x-request-id': 'mine' } });
    const received = { ...answer.headers };
    // Of the connection to the caller itself, and the server's own.
    for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'uwebsockets'])
      delete received[name];
    if (received.date !== 'Thu, 01 Jan 1970 00:00:00 GMT') delete received.date;
    assert.deepEqual(received, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'retry-after': '3',
      'openai-processing-ms': '12',
      'x-ratelimit-remaining-requests': '9',
      'x-ratelimit-reset-tokens': '1s',
      'x-request-id': 'mine',
    });
  });

  it('accepts a harmless request id, and makes one in place of another', async () => {
    replyWell();
    const given = await ask('m', { headers: { 'x-request-id': 'abc-123:x' } });
    assert.equal(given.headers['x-request-id'], 'abc-123:x');
    assert.equal(lastHeaders()['x-request-id'], 'abc-123:x');
    for (const bad of ['with space', 'x'.repeat(129), '"quoted"']) {
      const made = await ask('m', { headers: { 'x-request-id': bad } });
      assert.match(String(made.headers['x-request-id']), /^[0-9a-f-]{36}$/);
      assert.equal(lastHeaders()['x-request-id'], made.headers['x-request-id']);
    }
    const none = await ask('m');
    assert.match(String(none.headers['x-request-id']), /^[0-9a-f-]{36}$/);
  });

  it('keeps the query string as it is (the Go node: dropped)', async () => {
    replyWell();
    await ask('m', { path: '/v1/chat/completions?api-version=2024-01&x=%2F%20&empty=&x=2' });
    assert.equal(
      backend.requests.at(-1)?.url,
      '/v1/chat/completions?api-version=2024-01&x=%2F%20&empty=&x=2',
    );
  });

  it('never doubles /v1 and keeps a path prefix (the Go node: /v1/v1)', async () => {
    replyWell();
    for (const [model, path] of [
      ['m', '/v1/embeddings'],
      ['v1', '/v1/embeddings'],
      ['v1-slash', '/v1/embeddings'],
      ['slash', '/v1/embeddings'],
      ['prefix', '/some/prefix/v1/embeddings'],
      ['prefix-v1', '/some/prefix/v1/embeddings'],
    ] as const) {
      await ask(model, { path: '/v1/embeddings' });
      assert.equal(backend.requests.at(-1)?.url, path, model);
    }
  });

  it('does not follow a redirect (the Go node: followed it, with the key)', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      replyWith(status, { location: `${other.url}/v1/chat/completions` });
      const answer = await ask('fixed');
      assert.equal(answer.status, 502);
      assert.match(answer.text, /"code":"upstream_error"/);
      assert.equal(answer.headers.location, undefined);
    }
    assert.equal(other.requests.length, 0);
  });

  for (const status of [400, 404, 409, 413, 422, 429]) {
    it(`passes a backend's ${status} with its JSON and Retry-After`, async () => {
      const body = `{ "error": {"message":"théirs", "code":${status}} }`;
      replyWith(status, { 'content-type': 'application/json', 'retry-after': '17' }, body);
      const answer = await ask('m');
      assert.equal(answer.status, status);
      assert.equal(answer.text, body);
      assert.equal(answer.headers['retry-after'], '17');
    });

    it(`keeps the text of a backend's ${status} to itself when it is not JSON`, async () => {
      replyWith(status, { 'content-type': 'text/html' }, `<html>${secretText}</html>`);
      const answer = await ask('m');
      assert.equal(answer.status, status);
      assert.equal((JSON.parse(answer.text) as { error: { code: string } }).error.code, 'upstream_error');
      assert.doesNotMatch(answer.text, /stack trace|10\.1\.2\.3|html/);
    });
  }

  for (const status of [401, 403]) {
    it(`turns a backend's ${status} into 502, because it is about the operator's key`, async () => {
      replyWith(status, { 'content-type': 'application/json' }, `{"error":"bad key ${fixedKey}"}`);
      const answer = await ask('fixed');
      assert.equal(answer.status, 502);
      assert.match(answer.text, /"code":"upstream_credentials"/);
      assert.doesNotMatch(answer.text, new RegExp(fixedKey));
    });
  }

  for (const status of [500, 502, 503, 504, 529]) {
    it(`keeps a backend's ${status} but not its words (the Go node: internal URLs in the body)`, async () => {
      replyWith(status, { 'content-type': 'application/json', 'retry-after': '4' }, `{"e":"${secretText}"}`);
      const answer = await ask('m');
      assert.equal(answer.status, status);
      const { error } = JSON.parse(answer.text) as { error: Record<string, unknown> };
      assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code']);
      assert.equal(error['code'], 'upstream_error');
      assert.equal(answer.headers['retry-after'], '4');
      assert.doesNotMatch(answer.text, /stack trace|10\.1\.2\.3/);
    });
  }

  it('does not blame the backend for characters that cannot be forwarded', async () => {
    replyWell();
    const failures = async () => (await node.metric('fxn_upstream_errors_total')) ?? 0;
    const before = await failures();
    const body = '{"model":"m"}';
    const sendBytes = async (path: string, header: string): Promise<string> => {
      const signed = Object.entries(await gateway.sign(body)).map(([name, value]) => `${name}: ${value}`);
      const lines = [`POST ${path} HTTP/1.1`, 'Host: x', ...signed, header, `Content-Length: ${body.length}`];
      const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
      return (await sendRaw(node.port, bytes, { until: (text) => text.includes('}') })).text;
    };
    for (const path of ['/v1/chat/completions?x=✓', '/v1/chat/completions?x=é', '/v1/ü']) {
      const text = await sendBytes(path, 'accept: */*');
      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.match(text, /"code":"invalid_request"/);
    }
    assert.match(await sendBytes('/v1/chat/completions', 'tracestate: a=✓,b=1'), /^HTTP\/1\.1 200 /);
    assert.equal(lastHeaders()['tracestate'], undefined);
    assert.equal(await failures(), before);
  });

  it('keeps keys and signatures out of its log at the most talkative level', async () => {
    await node.waitForLog((line) => line.msg === 'backend failed');
    const text = node.log.map((line) => JSON.stringify(line)).join('\n');
    assert.doesNotMatch(text, new RegExp(`${fixedKey}|${fixedToken}|of the caller|session=1`));
    assert.doesNotMatch(text, /[0-9a-f]{128}/, 'no signature');
  });

  it('writes every line of its log as JSON, those of requests with their id', () => {
    for (const line of node.log) assert.notEqual(line.level, 'not json', JSON.stringify(line));
    const lines = node.log.filter((line) => line.msg === 'request' || line.msg === 'backend failed');
    assert.ok(lines.length > 40);
    for (const line of lines) assert.match(String(line['id']), /^[A-Za-z0-9._:-]{1,128}$/);
  });
});

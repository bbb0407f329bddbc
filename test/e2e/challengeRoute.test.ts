/** The routes beside `/v1`: who may use `/challenge`, what its errors look like, and the paths that nobody owns. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openRaw, requestHead } from '../support/rawConnection.js';
import {
  type Answer,
  chatPath,
  type SendOptions,
  send,
  sendSigned,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const path = '/challenge';
const errorOf = ({ body }: Answer): Record<string, unknown> =>
  (JSON.parse(body) as { error: Record<string, unknown> }).error;

describe('/challenge', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1 } } });
  });
  after(() => stand?.close());

  const challenge = (body: string): Promise<Answer> =>
    sendSigned(stand.node.port, stand.scheduler, { path, body });

  it('refuses an unsigned request', async () => {
    const answer = await send(stand.node.port, { path, body: '{"type":"IDENTITY"}' });
    assert.deepEqual([answer.status, answer.code], [401, 'auth_missing']);
  });

  it('refuses a registered gateway', async () => {
    const answer = await sendSigned(stand.node.port, stand.gateway, { path, body: '{"type":"IDENTITY"}' });
    assert.deepEqual([answer.status, answer.code], [401, 'auth_unknown_caller']);
  });

  it('answers an unknown type with 400 unknown_type', async () => {
    for (const type of ['', 'NO_SUCH_CHALLENGE', 'identity', '__proto__', 'constructor']) {
      const answer = await challenge(JSON.stringify({ type, payload: {} }));
      assert.deepEqual([answer.status, answer.code], [400, 'unknown_type'], type);
    }
  });

  it('answers a body that is no JSON object with 400 invalid_json', async () => {
    for (const body of ['', '{', 'null', '[]', '"IDENTITY"', '1', '{"type":"IDENTITY"}x']) {
      const answer = await sendSigned(stand.node.port, stand.scheduler, { path, body, method: 'POST' });
      assert.deepEqual([answer.status, answer.code], [400, 'invalid_json'], body);
    }
  });

  it('answers a type that is no string with 400 invalid_request', async () => {
    for (const body of ['{}', '{"type":1}', '{"type":null}', '{"type":["IDENTITY"]}', '{"payload":{}}']) {
      const answer = await challenge(body);
      assert.deepEqual([answer.status, answer.code], [400, 'invalid_request'], body);
    }
  });

  it('shows errors as {"error":{"message","code"}}', async () => {
    const answer = await challenge('{"type":"NO_SUCH_CHALLENGE"}');
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual(Object.keys(JSON.parse(answer.body)), ['error']);
    assert.deepEqual(Object.keys(errorOf(answer)).sort(), ['code', 'message']);
  });

  it('answers other methods with 405 for the scheduler and 401 for everybody else', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const signed = await sendSigned(stand.node.port, stand.scheduler, { path, method });
      assert.deepEqual([signed.status, signed.code], [405, 'method_not_allowed'], method);
      assert.equal(signed.headers['allow'], 'POST');
      assert.equal((await send(stand.node.port, { path, method })).code, 'auth_missing');
    }
  });

  it('is one path and nothing below it', async () => {
    for (const other of ['/challenge/', '/challenge/x', '/challenges', '/CHALLENGE', '//challenge']) {
      const answer = await send(stand.node.port, { path: other });
      assert.deepEqual([answer.status, answer.code], [404, 'route_not_found'], other);
    }
  });
});

describe('the other paths of the public port', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1 } } });
  });
  after(() => stand?.close());

  it('/v1 errors are the OpenAI object', async () => {
    const answers: readonly [SendOptions, boolean, number, string][] = [
      [{}, false, 401, 'auth_missing'],
      [{ path: '/v1/none' }, true, 404, 'route_not_found'],
      [{ path: chatPath }, true, 405, 'method_not_allowed'],
      [{ body: '{' }, true, 400, 'invalid_json'],
      [{ body: '{"model":"none"}' }, true, 404, 'model_not_found'],
    ];
    for (const [options, isSigned, status, code] of answers) {
      const answer = await (isSigned
        ? sendSigned(stand.node.port, stand.gateway, options)
        : send(stand.node.port, options));
      assert.equal(answer.status, status, answer.body);
      const error = errorOf(answer);
      assert.equal(error['code'], code);
      assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type']);
      assert.equal(typeof error['type'], 'string');
    }
  });

  it('everything else is 404 without a signature', async () => {
    for (const path of ['/', '/metrics', '/ready', '/v2/models', '/favicon.ico', '/../v1/models', '/%00']) {
      const answer = await send(stand.node.port, { path });
      assert.deepEqual([answer.status, answer.code], [404, 'route_not_found'], path);
      assert.deepEqual(Object.keys(errorOf(answer)).sort(), ['code', 'message']);
    }
  });

  it('no spelling of a /v1 path goes round authentication', async () => {
    const spellings = [
      '/v1//models',
      '/v1/./models',
      '/v1/x/../models',
      '/v1/models/',
      '/v1/models?x=/health',
      '/v1/%6dodels',
      '/v1/models#x',
      '/v1/models;x',
    ];
    for (const path of spellings) {
      const raw = await openRaw(stand.node.port);
      raw.send(requestHead('GET', path));
      assert.equal((await raw.answer()).code, 'auth_missing', path);
      raw.destroy();
    }
  });

  it('/health answers anyone, in GET and HEAD only', async () => {
    const health = await send(stand.node.port, { path: '/health' });
    assert.deepEqual([health.status, health.body], [200, '{"status":"ok"}']);
    const post = await send(stand.node.port, { path: '/health', body: '{}' });
    assert.deepEqual(
      [post.status, post.code, post.headers['allow']],
      [405, 'method_not_allowed', 'GET, HEAD'],
    );
  });

  it('answers HEAD /health with the length of the body and without the body', async () => {
    const raw = await openRaw(stand.node.port);
    raw.send(requestHead('HEAD', '/health', [['connection', 'close']]));
    const text = await raw.untilClosed();
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /\r\ncontent-length: 15\r\n/i);
    assert.ok(text.endsWith('\r\n\r\n'), 'nothing behind the head');
  });

  it('a connection lives on after HEAD (the library waited for the body that it had announced)', async () => {
    const raw = await openRaw(stand.node.port);
    raw.send(requestHead('HEAD', '/health') + requestHead('GET', '/health', [['connection', 'close']]));
    const text = await raw.untilClosed();
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200']);
    assert.ok(text.endsWith('\r\n\r\n{"status":"ok"}'));
  });

  it('answers HEAD with no body in a refusal, whether the connection goes on or not', async () => {
    const refusals: readonly [status: number, head: string][] = [
      [401, requestHead('HEAD', '/v1/models')],
      [400, requestHead('HEAD', '/v1/models', [['host', 'other']])],
    ];
    for (const [status, head] of refusals) {
      const raw = await openRaw(stand.node.port);
      raw.send(head.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
      const text = await raw.untilClosed();
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(text.match(/content-length/gi)?.length, 1);
      assert.ok(text.endsWith('\r\n\r\n'), 'nothing behind the head');
    }
  });

  it('returns the request id it was given, where that is harmless, and makes one otherwise', async () => {
    const idFor = async (id: string): Promise<unknown> =>
      (await send(stand.node.port, { path: '/health', headers: { 'x-request-id': id } })).headers[
        'x-request-id'
      ];
    assert.equal(await idFor('trace-1.a:B_2'), 'trace-1.a:B_2');
    for (const harmful of ['a b', '<script>', 'x'.repeat(129), '']) {
      assert.match(String(await idFor(harmful)), /^[0-9a-f-]{36}$/);
    }
  });
});

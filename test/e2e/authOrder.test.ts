/**
 * The order in which authentication checks: each request here fails at two checks or more and is answered for the
 * first. What needs no body is answered before one is sent.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Caller, createCaller } from '../support/caller.js';
import { openRaw, type RawResponse, requestHead } from '../support/rawConnection.js';
import {
  chatBody,
  chatPath,
  modelsPath,
  send,
  sendSigned,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const maxBodyBytes = 1_024;
const wrongSignature = `${'11'.repeat(64)}1b`;
const longAgo = 1_000;

describe('the order of checks', () => {
  const stranger: Caller = createCaller();
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1, maxBodyBytes: `${maxBodyBytes}b` } } });
  });
  after(() => stand?.close());

  const port = (): number => stand.node.port;
  const now = (): number => Math.floor(Date.now() / 1000);
  const outcome = async (name: string): Promise<number> =>
    (await stand.node.metric('fxn_auth_requests_total', { outcome: name })) ?? 0;

  /** Sends a head that announces a body, and no body; the answer must come all the same. */
  const answerToHead = async (
    headers: Readonly<Record<string, string>>,
    contentLength = chatBody.length,
  ): Promise<RawResponse> => {
    const raw = await openRaw(port());
    raw.send(
      requestHead('POST', chatPath, [...Object.entries(headers), ['content-length', String(contentLength)]]),
    );
    const answer = await raw.answer();
    raw.destroy();
    return answer;
  };

  it('answers 413 to an announced body over the limit before it looks at anything else', async () => {
    const answer = await answerToHead({}, maxBodyBytes + 1);
    assert.deepEqual([answer.status, answer.code], [413, 'body_too_large']);
    const signed = await stand.gateway.sign('');
    assert.equal((await answerToHead(signed, maxBodyBytes + 1)).code, 'body_too_large');
  });

  for (const missing of ['x-address', 'x-timestamp', 'x-nonce', 'x-signature']) {
    it(`answers auth_missing without ${missing} before the body is sent, whatever else is wrong`, async () => {
      const headers: Record<string, string> = {
        'x-address': 'nonsense',
        'x-timestamp': 'nonsense',
        'x-nonce': 'n',
        'x-signature': 'nonsense',
      };
      delete headers[missing];
      const answer = await answerToHead(headers);
      assert.deepEqual([answer.status, answer.code], [401, 'auth_missing']);
    });
  }

  it('answers auth_malformed before it looks at the clock', async () => {
    const signed = await stranger.sign(chatBody, { timestamp: longAgo });
    const answer = await answerToHead({ ...signed, 'x-signature': 'zz' });
    assert.deepEqual([answer.status, answer.code], [401, 'auth_malformed']);
  });

  it('answers auth_expired before it looks for the caller', async () => {
    const answer = await answerToHead(await stranger.sign(chatBody, { timestamp: longAgo }));
    assert.deepEqual([answer.status, answer.code], [401, 'auth_expired']);
  });

  it('answers auth_unknown_caller before it has a body to check the signature with', async () => {
    const signed = await stranger.sign(chatBody);
    const answer = await answerToHead({ ...signed, 'x-signature': wrongSignature });
    assert.deepEqual([answer.status, answer.code], [401, 'auth_unknown_caller']);
  });

  it('waits for the body before it judges the signature of a known caller', async () => {
    const raw = await openRaw(port());
    const signed = await stand.gateway.sign(chatBody);
    const headers = { ...signed, 'x-signature': wrongSignature, 'content-length': String(chatBody.length) };
    raw.send(requestHead('POST', chatPath, Object.entries(headers)));
    // The node answers others meanwhile; were this one not waiting, its answer would be there first.
    assert.equal((await sendSigned(port(), stand.gateway)).status, 200);
    assert.equal(raw.unread(), '');
    raw.send(chatBody);
    assert.equal((await raw.answer()).code, 'auth_bad_signature');
    raw.destroy();
  });

  it('keeps a connection usable after a refusal whose body comes late', async () => {
    const raw = await openRaw(port());
    raw.send(requestHead('POST', chatPath, [['content-length', String(chatBody.length)]]));
    assert.equal((await raw.answer()).code, 'auth_missing');
    raw.send(chatBody);
    raw.send(requestHead('GET', modelsPath, Object.entries(await stand.gateway.sign(''))));
    assert.equal((await raw.answer()).status, 200);
    raw.destroy();
  });

  it('checks the signature before the replay table: a used nonce with a bad signature is auth_bad_signature', async () => {
    const sign = { nonce: 'used-then-forged' };
    assert.equal((await sendSigned(port(), stand.gateway, { sign })).status, 200);
    const signed = await stand.gateway.sign('', sign);
    const forged = await send(port(), { headers: { ...signed, 'x-signature': wrongSignature } });
    assert.deepEqual([forged.status, forged.code], [401, 'auth_bad_signature']);
    const replayed = await send(port(), { headers: signed });
    assert.deepEqual([replayed.status, replayed.code], [401, 'auth_replayed']);
  });

  it('stores no nonce of a request whose signature is wrong (the Go node stored it first)', async () => {
    const signed = await stand.gateway.sign(chatBody, { nonce: 'forged-then-used' });
    const forged = await send(port(), {
      body: chatBody,
      headers: { ...signed, 'x-signature': wrongSignature },
    });
    assert.equal(forged.code, 'auth_bad_signature');
    const tampered = await send(port(), { body: `${chatBody} `, headers: signed });
    assert.equal(tampered.code, 'auth_bad_signature');
    assert.equal((await send(port(), { body: chatBody, headers: signed })).status, 200);
  });

  it('stores no nonce of a request signed by somebody else than it names', async () => {
    const sign = { nonce: 'named-then-used' };
    const byStranger = await stranger.sign('', sign);
    const named = await send(port(), { headers: { ...byStranger, 'x-address': stand.gateway.address } });
    assert.equal(named.code, 'auth_bad_signature');
    assert.equal((await sendSigned(port(), stand.gateway, { sign })).status, 200);
  });

  it('keeps a claimed nonce claimed when the request then fails', async () => {
    const body = JSON.stringify({ model: 'no-such-model', messages: [] });
    const headers = await stand.gateway.sign(body);
    const first = await send(port(), { body, headers });
    assert.deepEqual([first.status, first.code], [404, 'model_not_found']);
    const again = await send(port(), { body, headers });
    assert.deepEqual([again.status, again.code], [401, 'auth_replayed']);
  });

  it('keeps a nonce claimed for the same caller under another timestamp', async () => {
    const nonce = 'under-two-timestamps';
    const first = await sendSigned(port(), stand.gateway, { sign: { nonce, timestamp: now() } });
    assert.equal(first.status, 200);
    const later = await sendSigned(port(), stand.gateway, { sign: { nonce, timestamp: now() + 5 } });
    assert.equal(later.code, 'auth_replayed');
  });

  it('keeps a nonce claimed for the same caller on another route, with another body', async () => {
    const sign = { nonce: 'on-two-routes' };
    assert.equal((await sendSigned(port(), stand.gateway, { sign })).status, 200);
    const other = await sendSigned(port(), stand.gateway, { sign, body: chatBody });
    assert.equal(other.code, 'auth_replayed');
  });

  it('gives every caller nonces of its own', async () => {
    const sign = { nonce: 'shared' };
    assert.equal((await sendSigned(port(), stand.gateway, { sign })).status, 200);
    assert.equal((await sendSigned(port(), stand.scheduler, { sign })).status, 200);
  });

  it('refuses the body of another request under a good signature', async () => {
    const headers = await stand.gateway.sign(chatBody);
    const other = chatBody.replace('[]', '[1]');
    assert.equal((await send(port(), { body: other, headers })).code, 'auth_bad_signature');
  });

  it('answers unknown routes under /v1 after authentication only', async () => {
    const path = '/v1/no/such/route';
    assert.equal((await send(port(), { path })).code, 'auth_missing');
    const signed = await sendSigned(port(), stand.gateway, { path });
    assert.deepEqual([signed.status, signed.code], [404, 'route_not_found']);
  });

  it('answers wrong methods after authentication only, and names the right ones', async () => {
    const method = 'DELETE';
    assert.equal((await send(port(), { method, path: chatPath })).code, 'auth_missing');
    const signed = await sendSigned(port(), stand.gateway, { method, path: modelsPath });
    assert.deepEqual([signed.status, signed.code], [405, 'method_not_allowed']);
    assert.equal(signed.headers['allow'], 'GET, POST');
  });

  it('counts every outcome under its name', async () => {
    const before = await outcome('auth_missing');
    await send(port());
    assert.equal(await outcome('auth_missing'), before + 1);
    assert.ok((await outcome('auth_expired')) >= 1);
    assert.ok((await outcome('auth_replayed')) >= 4);
    assert.equal(await stand.node.metric('fxn_http_in_flight_requests'), 0);
  });
});

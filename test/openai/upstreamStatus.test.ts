import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faultError, isEventStream, isJson, responseRefusal } from '#src/openai/upstreamStatus.js';
import type { UpstreamResponse } from '#src/upstream/forward.js';

function refusalOf(status: number, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const response: UpstreamResponse = { status, headers, contentLength: null, isFramed: true };
  return responseRefusal(response);
}

describe('what the status of a backend means for the caller', () => {
  for (const status of [200, 201, 204, 206]) {
    it(`${status} passes, whatever its type`, () => assert.equal(refusalOf(status, {}), undefined));
  }

  for (const status of [400, 404, 409, 413, 422, 429]) {
    it(`${status} passes with its JSON body, and only with one`, () => {
      assert.equal(refusalOf(status), undefined);
      assert.equal(
        refusalOf(status, { 'content-type': 'application/problem+json; charset=utf-8' }),
        undefined,
      );
      for (const headers of [{}, { 'content-type': 'text/html' }]) {
        const refusal = refusalOf(status, headers);
        assert.deepEqual([refusal?.code, refusal?.status], ['upstream_error', status]);
      }
    });
  }

  for (const status of [401, 402, 403, 407]) {
    it(`${status} is about the operator's account and becomes 502`, () => {
      const refusal = refusalOf(status);
      assert.deepEqual([refusal?.code, refusal?.status], ['upstream_credentials', 502]);
    });
  }

  for (const status of [300, 301, 302, 307, 308, 304]) {
    it(`${status} is not followed and becomes 502`, () => {
      const refusal = refusalOf(status, { location: 'http://elsewhere/' });
      assert.deepEqual([refusal?.code, refusal?.status], ['upstream_error', 502]);
    });
  }

  for (const status of [500, 502, 503, 504, 418, 405]) {
    it(`${status} keeps its status and gets our body`, () => {
      const refusal = refusalOf(status);
      assert.deepEqual([refusal?.code, refusal?.status], ['upstream_error', status]);
      assert.equal(refusal?.message, 'The model backend failed.');
    });
  }

  it('a Retry-After in seconds is kept, anything else is not, and every 503 has one', () => {
    assert.equal(refusalOf(503, { 'retry-after': '17' })?.meta['retryAfterS'], 17);
    for (const value of ['Wed, 21 Oct 2026 07:28:00 GMT', '-1', '1.5', '17\r\nx: y', '99999999']) {
      assert.equal(refusalOf(503, { 'retry-after': value })?.meta['retryAfterS'], 1, value);
      assert.equal(refusalOf(500, { 'retry-after': value })?.meta['retryAfterS'], undefined, value);
    }
  });

  it('every fault of a connection has its status', () => {
    const statuses = (
      [
        'connect',
        'connect_timeout',
        'first_byte_timeout',
        'idle_timeout',
        'total_timeout',
        'reset',
        'protocol',
      ] as const
    ).map((kind) => {
      const error = faultError(kind, new Error('ECONNREFUSED 10.0.0.7:8000'));
      assert.ok(!error.message.includes('10.0.0.7'), 'the message goes to callers');
      return `${kind} ${error.status}`;
    });
    assert.deepEqual(statuses, [
      'connect 502',
      'connect_timeout 504',
      'first_byte_timeout 504',
      'idle_timeout 504',
      'total_timeout 504',
      'reset 502',
      'protocol 502',
    ]);
  });
});

describe('content types', () => {
  it('JSON is recognised with parameters and suffixes, in any letter case', () => {
    for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/vnd.x.y+json']) {
      assert.equal(isJson(type), true, type);
    }
    for (const type of [
      undefined,
      '',
      'text/plain',
      'application/jsonlines',
      'text/json',
      'x application/json',
    ]) {
      assert.equal(isJson(type), false, type);
    }
  });

  it('an event stream is recognised with parameters, in any letter case', () => {
    assert.equal(isEventStream('text/event-stream'), true);
    assert.equal(isEventStream('Text/Event-Stream; charset=utf-8'), true);
    for (const type of [undefined, '', 'application/json', 'x text/event-stream']) {
      assert.equal(isEventStream(type), false, type);
    }
  });
});

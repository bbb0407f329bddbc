import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backendHeaders, downstreamHeaders, upstreamHeaders } from '#src/openai/headers.js';
import { propertyRuns } from '#test/runs.js';
import { routedBackend } from './routedModel.js';

const up = ['accept', 'content-type', 'openai-beta'];
const down = ['content-type', 'content-encoding', 'cache-control', 'retry-after', 'openai-processing-ms'];
const kept = [
  'x-address',
  'x-signature',
  'x-nonce',
  'x-timestamp',
  'signature',
  'signature-input',
  'authorization',
  'cookie',
  'set-cookie',
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'upgrade',
  'proxy-authorization',
  'content-length',
  'accept-encoding',
  'server',
  'location',
  'x-forwarded-for',
];
const name = fc.oneof(
  fc.constantFrom(...up, ...down, ...kept, 'traceparent', 'tracestate'),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/),
  fc.stringMatching(/^x-ratelimit-[a-z]{1,5}$/),
);
const value = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });

describe('headers on their way to a backend', () => {
  it('only the named ones go up, with the request id', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value), (received) => {
        const sent = upstreamHeaders(new Map(Object.entries(received)), {}, 'id-1');
        const expected = Object.entries(received).filter(([each]) => up.includes(each));
        assert.deepEqual(sent, { ...Object.fromEntries(expected), 'x-request-id': 'id-1' });
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('a trace goes on unmodified, and its state only together with it', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const sent = (parent: string, own?: string) => {
      const received = new Map([
        ['traceparent', parent],
        ['tracestate', 'a=1'],
      ]);
      const { 'x-request-id': _, ...rest } = upstreamHeaders(received, {}, 'id-1', own);
      return rest;
    };
    assert.deepEqual(sent(traceparent), { traceparent, tracestate: 'a=1' });
    for (const malformed of ['', 'x', traceparent.toUpperCase(), `${traceparent}-more`]) {
      assert.deepEqual(sent(malformed), {}, malformed);
    }
    const own = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';
    assert.deepEqual(sent(traceparent, own), { traceparent: own, tracestate: 'a=1' });
    assert.deepEqual(sent('x', own), { traceparent: own });
  });

  it("the backend entry's own headers win over the caller's", () => {
    const received = new Map([
      ['accept', 'text/event-stream'],
      ['content-type', 'application/json'],
    ]);
    const fixed = { accept: '*/*', authorization: 'Bearer operator' };
    assert.deepEqual(upstreamHeaders(received, fixed, 'id-1'), {
      'x-request-id': 'id-1',
      'content-type': 'application/json',
      accept: '*/*',
      authorization: 'Bearer operator',
    });
  });

  it('a value that cannot be sent on as it is stays here', () => {
    for (const value of ['caf\u00e9', 'a\u0000b', 'a\nb', '\u007f']) {
      assert.deepEqual(upstreamHeaders(new Map([['accept', value]]), {}, 'id-1'), { 'x-request-id': 'id-1' });
    }
  });

  it('credentials of the entry go up as the entry says, and none when it says none', () => {
    assert.deepEqual(backendHeaders(routedBackend()), {});
    const backend = routedBackend({ apiKey: 'k', bearerToken: 't', headers: { 'x-team': 'a' } });
    assert.deepEqual(backendHeaders(backend), { 'x-api-key': 'k', authorization: 'Bearer t', 'x-team': 'a' });
  });
});

describe('headers on their way to the caller', () => {
  it('only the named ones and the rate limits come down', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value), (received) => {
        const expected = Object.entries(received).filter(
          ([each]) => down.includes(each) || each.startsWith('x-ratelimit-'),
        );
        assert.deepEqual(downstreamHeaders(received), expected);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('a header that the backend sent twice does not come down twice', () => {
    const received = { 'content-type': 'application/json', 'x-ratelimit-limit': ['1', '2'] };
    assert.deepEqual(downstreamHeaders(received), [['content-type', 'application/json']]);
  });
});

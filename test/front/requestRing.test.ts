import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type EndedExchange, type Ending, RequestRing } from '#src/front/requestRing.js';

const exchange = (id: number, more: Partial<EndedExchange> = {}): EndedExchange => ({
  id: String(id),
  endpoint: '/v1/models',
  caller: undefined,
  errorCode: undefined,
  inference: undefined,
  receivedBytes: 0,
  sentBytes: 2,
  ...more,
});
const ending: Ending = { end: 'complete', atMs: 5, status: 200, durationMs: 1.5, firstTokenMs: null };

it('hands out what is new since a count, and at most the last 128', () => {
  const ring = new RequestRing();
  const ids = (after: number): string[] => ring.after(after).requests.map(({ id }) => id);
  assert.deepEqual(ring.after(0), { count: 0, requests: [] });
  for (let id = 1; id <= 3; id++) ring.record(exchange(id), ending);
  assert.deepEqual(ids(0), ['1', '2', '3']);
  assert.deepEqual(ids(2), ['3']);
  assert.deepEqual(ids(3), []);
  // Of a front that has started anew and counts from 0 again.
  assert.deepEqual(ids(9), []);
  for (let id = 4; id <= 300; id++) ring.record(exchange(id), ending);
  assert.equal(ring.after(3).count, 300);
  assert.equal(ids(3).length, 128);
  assert.equal(ids(3)[0], '173');
  assert.deepEqual(ids(298), ['299', '300']);
});

it('tells all that is known of a request, and null for what is not', () => {
  const ring = new RequestRing();
  const inference = {
    model: 'm',
    backend: 'b',
    provider: undefined,
    attempts: 1,
    queuedMs: 0,
    usage: { inputTokens: 3, outputTokens: 0, isEstimated: true },
  };
  const errorCode = 'upstream_reset';
  const known = {
    inference,
    errorCode,
    caller: '0xab',
    endpoint: '/v1/completions',
    receivedBytes: 7,
    sentBytes: 8,
  };
  ring.record(exchange(1, known), { end: 'cut', atMs: 6, status: 502, durationMs: 2.5, firstTokenMs: 0.5 });
  ring.record(exchange(2), ending);
  assert.deepEqual(ring.after(0).requests, [
    {
      atMs: 6,
      id: '1',
      endpoint: '/v1/completions',
      model: 'm',
      backend: 'b',
      caller: '0xab',
      status: 502,
      end: 'cut',
      durationMs: 2.5,
      firstTokenMs: 0.5,
      inputTokens: 3,
      outputTokens: 0,
      areTokensEstimated: true,
      errorCode,
      receivedBytes: 7,
      sentBytes: 8,
    },
    {
      atMs: 5,
      id: '2',
      endpoint: '/v1/models',
      model: null,
      backend: null,
      caller: null,
      status: 200,
      end: 'complete',
      durationMs: 1.5,
      firstTokenMs: null,
      inputTokens: null,
      outputTokens: null,
      areTokensEstimated: false,
      errorCode: null,
      receivedBytes: 0,
      sentBytes: 2,
    },
  ]);
});

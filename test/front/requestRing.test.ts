import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type FrontRequest, RequestRing } from '#src/front/requestRing.js';

const request = (id: number): FrontRequest => ({
  atMs: id,
  id: String(id),
  endpoint: '/v1/models',
  model: null,
  backend: null,
  caller: null,
  status: 200,
  end: 'complete',
  durationMs: 1,
  firstTokenMs: null,
  inputTokens: null,
  outputTokens: null,
  areTokensEstimated: false,
  errorCode: null,
  receivedBytes: 0,
  sentBytes: 2,
});

it('hands out what is new since a count, and at most the last 128', () => {
  const ring = new RequestRing();
  const ids = (after: number): string[] => ring.after(after).requests.map(({ id }) => id);
  assert.deepEqual(ring.after(0), { count: 0, requests: [] });
  for (let id = 1; id <= 3; id++) ring.record(request(id));
  assert.deepEqual(ids(0), ['1', '2', '3']);
  assert.deepEqual(ids(2), ['3']);
  assert.deepEqual(ids(3), []);
  for (let id = 4; id <= 300; id++) ring.record(request(id));
  assert.equal(ring.after(3).count, 300);
  assert.equal(ids(3).length, 128);
  assert.equal(ids(3)[0], '173');
  assert.deepEqual(ids(298), ['299', '300']);
});

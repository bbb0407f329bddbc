import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FrontRequest, RequestBatch } from '#src/front/requestRing.js';
import { RecentRequests } from '#src/node/recentRequests.js';

const request = (id: string, atMs: number): FrontRequest => ({
  atMs,
  id,
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

/** Fronts that have counted these requests. */
function openRecent(fronts: FrontRequest[][]) {
  const asked: (readonly [front: number, after: number])[] = [];
  const recent = new RecentRequests(fronts.length, async (front, after): Promise<RequestBatch> => {
    asked.push([front, after]);
    const all = fronts[front]!;
    return { count: all.length, requests: all.slice(after) };
  });
  return { recent, asked, ids: (after = 0) => recent.after(after).map(({ id }) => id) };
}

it('puts the requests of all fronts into the order in which they ended, the newest first', async () => {
  const fronts = [[request('a', 10), request('c', 30)], [request('b', 20)]];
  const { recent, ids, asked } = openRecent(fronts);
  await recent.refresh();
  assert.deepEqual(ids(), ['c', 'b', 'a']);
  fronts[1]!.push(request('d', 40));
  await recent.refresh();
  assert.deepEqual(ids(), ['d', 'c', 'b', 'a']);
  assert.deepEqual(ids(3), ['d']);
  assert.deepEqual(asked.slice(2), [
    [0, 2],
    [1, 1],
  ]);
});

it('asks a front that was started anew from the beginning', async () => {
  const fronts = [[request('a', 10), request('b', 20)]];
  const { recent, ids } = openRecent(fronts);
  await recent.refresh();
  fronts[0] = [request('c', 30)];
  recent.restart(0);
  await recent.refresh();
  assert.deepEqual(ids(), ['c', 'b', 'a']);
});

it('takes nothing from a front that ended while it was asked', async () => {
  let answer: ((batch: RequestBatch) => void) | undefined;
  const recent = new RecentRequests(1, () => new Promise((resolve) => (answer = resolve)));
  const refreshed = recent.refresh();
  recent.restart(0);
  answer?.({ count: 1, requests: [request('a', 10)] });
  await refreshed;
  assert.deepEqual(recent.after(0), []);
});

it('shows the others while one front does not answer', async () => {
  const recent = new RecentRequests(2, async (front) => {
    if (front === 0) throw new Error('no answer');
    return { count: 1, requests: [request('b', 10)] };
  });
  await recent.refresh();
  assert.deepEqual(
    recent.after(0).map(({ id, number }) => [id, number]),
    [['b', 1]],
  );
});

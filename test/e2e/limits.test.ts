/** Limits per caller at the real node with several fronts, counted in their shared memory. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/bypassNode.js';
import { createCaller } from '../support/caller.js';
import { begin, type OpenAnswer, open } from '../support/httpClient.js';
import { chatCompletion, chatFrame, doneFrame, json } from '../support/testBackend.js';
import {
  type Answer,
  chatBody,
  chatPath,
  send,
  sendSigned,
  standModel,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const fronts = 4;
const requestsPerSecond = 10;
const concurrentStreams = 3;

describe('limits per caller', () => {
  const [busy, streaming, leaving] = Array.from({ length: 3 }, () => createCaller());
  let stand: TestStand;
  let port = 0;
  before(async () => {
    stand = await startTestStand({
      gateways: [busy!, streaming!, leaving!],
      config: { node: { threads: fronts }, limits: { requestsPerSecond, concurrentStreams } },
    });
    port = stand.node.port;
  });
  after(() => stand?.close());

  it('let a second of requests pass over all fronts and refuse the rest until it can succeed', async () => {
    const signed = await Promise.all(Array.from({ length: 4 * requestsPerSecond }, () => busy!.sign('')));
    const startedAtMs = performance.now();
    const answers: Answer[] = [];
    for (const headers of signed) answers.push(await send(port, { headers }));
    const flowedIn = Math.floor(((performance.now() - startedAtMs) / 1_000) * requestsPerSecond);
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(served.length + refused.length, answers.length);
    assert.ok(served.length >= requestsPerSecond && served.length <= requestsPerSecond + flowedIn);
    const { headers, code, body } = refused[0]!;
    assert.equal(code, 'rate_limited');
    assert.equal((JSON.parse(body) as { error: { type: string } }).error.type, 'rate_limit_error');
    assert.equal(headers['retry-after'], '1');
    assert.equal(headers['x-ratelimit-limit-requests'], '10');
    assert.equal(headers['x-ratelimit-remaining-requests'], '0');
    assert.equal(served[0]!.headers['x-ratelimit-remaining-requests'], '9');
    assert.equal(served[0]!.headers['x-ratelimit-limit-tokens'], undefined, 'that limit is off');
    const refusals = await stand.node.metric('fxn_limit_refusals_total', { limit: 'requests' });
    assert.equal(refusals, refused.length);
    assert.equal((await sendSigned(port, stand.gateway)).status, 200, 'another caller is not concerned');
    await eventually(
      () => sendSigned(port, busy!),
      ({ status }) => status === 200,
    );
  });

  it('count open requests over all fronts, until they end or their clients leave', async () => {
    const ends: (() => void)[] = [];
    stand.backend.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatFrame(standModel, 'first'));
      ends.push(() => response.end(doneFrame));
    };
    const held: OpenAnswer[] = [];
    const openOne = async (): Promise<void> => {
      const headers = await streaming!.sign(chatBody);
      const answer = await open(`http://127.0.0.1:${port}${chatPath}`, { body: chatBody, headers });
      assert.equal(answer.status, 200);
      await answer.readUntil('first');
      held.push(answer);
    };
    for (let i = 0; i < concurrentStreams; i++) await openOne();
    const refused = await sendSigned(port, streaming!, { body: chatBody });
    assert.deepEqual([refused.status, refused.code], [429, 'rate_limited']);
    assert.match(refused.body, /as many requests open/);
    held[0]!.leave('rst');
    ends[1]!();
    await held[1]!.end();
    await eventually(
      () => sendSigned(port, streaming!),
      ({ status }) => status === 200,
    );
    for (const end of ends) end();
    stand.backend.handler = (_request, response) => json(response, 200, chatCompletion(standModel, 'hello'));
  });

  it('do not keep the place of a client that left before its answer began', async () => {
    stand.backend.handler = () => undefined;
    for (let i = 0; i < concurrentStreams; i++) {
      const before_ = stand.backend.requests.length;
      const request = begin(`http://127.0.0.1:${port}${chatPath}`, {
        body: chatBody,
        headers: await leaving!.sign(chatBody),
      });
      await eventually(
        () => stand.backend.requests.length,
        (count) => count > before_,
      );
      request.leave('fin');
    }
    stand.backend.handler = (_request, response) => json(response, 200, chatCompletion(standModel, 'hello'));
    await eventually(
      () => sendSigned(port, leaving!, { body: chatBody }),
      ({ status }) => status === 200,
    );
  });

  it('do not hold for challenges', async () => {
    const body = JSON.stringify({ type: 'NONE', payload: null });
    for (let i = 0; i < 2 * requestsPerSecond; i++) {
      const answer = await sendSigned(port, stand.scheduler, { body, path: '/challenge' });
      assert.equal(answer.code, 'unknown_type');
      assert.equal(answer.headers['x-ratelimit-limit-requests'], undefined);
    }
    const limited = await sendSigned(port, stand.scheduler);
    assert.equal(limited.headers['x-ratelimit-limit-requests'], '10', 'its inference is limited like any');
  });
});

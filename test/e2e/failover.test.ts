/** Backends that fail: another one answers while that is safe, a breaker keeps the failing one out. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { type Answer, open, send } from '../support/httpClient.js';
import {
  chunk,
  chunkedHead,
  eventStream,
  jsonType,
  lengthHead,
  type RawBackend,
  type RawRequest,
  startRawBackend,
} from '../support/rawBackend.js';
import type { TestNode } from '../support/testNode.js';

const good = '{"object":"chat.completion"}';
const serve = ({ socket }: RawRequest): void =>
  void socket.write(`${lengthHead(jsonType, good.length)}${good}`);
const status =
  (line: string, body = '{"detail":"secret"}', more = '') =>
  ({ socket }: RawRequest): void =>
    void socket.write(lengthHead(jsonType, body.length, more).replace('200 OK', line) + body);

describe('a backend that fails', () => {
  let failing: RawBackend;
  let other: RawBackend;
  let node: TestNode | undefined;
  beforeEach(async () => {
    failing = await startRawBackend(serve);
    other = await startRawBackend(serve);
  });
  afterEach(async () => {
    await node?.close();
    node = undefined;
    await failing.close();
    await other.close();
  });

  /** The failing backend is asked first: it has so much more weight. */
  const start = async (proxy: object = {}, urls = [failing.url, other.url]): Promise<TestNode> => {
    const weights = [1_000, 1];
    node = await startBypassNode({
      modelBackends: {
        models: [{ name: 'm', backends: urls.map((url, i) => ({ url, weight: weights[i]! })) }],
      },
      config: { node: { listenPort: 0, threads: 2 }, proxy: { healthInterval: '1h', ...proxy } },
    });
    // The first check tells which backends are down; what is tested here is what comes after.
    await eventually(
      async () =>
        (await (await fetch(`${node!.adminUrl}/ready`)).json()) as { backends: { up: boolean | null }[] },
      ({ backends }) => backends.every(({ up }) => up !== null),
    );
    return node;
  };
  const ask = (body: object = {}): Promise<Answer> =>
    send(`${node!.url}/v1/chat/completions`, { body: { model: 'm', ...body } });
  const codeOf = ({ text }: Answer): unknown =>
    (JSON.parse(text) as { error?: { code?: unknown } }).error?.code;
  const retries = async (): Promise<number> => (await node!.metric('fxn_upstream_retries_total')) ?? 0;

  it('is left for another one when it answers 502, 503 or 504', async () => {
    await start({ breaker: { failures: 1_000 } });
    for (const line of ['502 Bad Gateway', '503 Service Unavailable', '504 Gateway Timeout']) {
      failing.answer = status(line);
      const before = other.requests.length;
      const answer = await ask({ n: line });
      assert.deepEqual([answer.status, answer.text], [200, good], line);
      assert.equal(other.requests.length, before + 1);
      const [first, second] = [failing.requests.at(-1)!, other.requests.at(-1)!];
      assert.deepEqual(second.body, first.body);
      const idOf = ({ head }: RawRequest): unknown => /x-request-id: (\S+)/i.exec(head)?.[1];
      assert.equal(idOf(second), idOf(first));
    }
    assert.equal(await retries(), 3);
    await eventually(
      () => node!.metric('fxn_upstream_in_flight_requests'),
      (inFlight) => inFlight === 0,
    );
  });

  it('is left for another one when it cannot be reached', async () => {
    await start();
    await failing.close();
    const answer = await ask();
    assert.deepEqual([answer.status, answer.text], [200, good]);
    assert.equal(await retries(), 1);
    assert.equal(await node!.metric('fxn_upstream_errors_total', { kind: 'connect' }), 1);
  });

  it('is not left after an answer of its own, or where it may have executed the request', async () => {
    await start({ breaker: { failures: 1_000 }, firstByteTimeout: '300ms' });
    const cases: [RawBackend['answer'], number, string | undefined][] = [
      [status('500 Internal Server Error'), 500, 'upstream_error'],
      [status('501 Not Implemented'), 501, 'upstream_error'],
      [status('400 Bad Request'), 400, undefined],
      [status('401 Unauthorized'), 502, 'upstream_credentials'],
      [status('307 Temporary Redirect', '{}', 'Location: /elsewhere\r\n'), 502, 'upstream_error'],
      [status('429 Too Many Requests', '{}', 'Retry-After: 7\r\n'), 429, undefined],
      [({ socket }) => void socket.resetAndDestroy(), 502, 'upstream_reset'],
      [({ socket }) => void socket.end('HTTP/1.1 2'), 502, 'upstream_reset'],
      [() => undefined, 504, 'upstream_timeout'],
    ];
    for (const [answer, expected, code] of cases) {
      failing.answer = answer;
      const got = await ask();
      assert.deepEqual([got.status, codeOf(got)], [expected, code]);
      if (expected === 429) assert.equal(got.headers['retry-after'], '7');
    }
    assert.equal(other.requests.length, 0);
    assert.equal(await retries(), 0);
  });

  it('is not left once a byte of its answer was sent', async () => {
    await start();
    failing.answer = ({ socket }) => {
      socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('data: {}\n\n')]));
      setTimeout(() => socket.resetAndDestroy(), 50);
    };
    const answer = await (await open(`${node!.url}/v1/chat/completions`, { body: { model: 'm' } })).end();
    assert.equal(answer.isWhole, false);
    assert.match(answer.text, /upstream_reset/);
    assert.equal(other.requests.length, 0);
  });

  it('is answered for when no other one is there', async () => {
    await start({}, [failing.url]);
    failing.answer = status('503 Service Unavailable', '{}', 'Retry-After: 9\r\n');
    const answer = await ask();
    assert.deepEqual([answer.status, codeOf(answer)], [503, 'upstream_error']);
    assert.equal(answer.headers['retry-after'], '9');
    assert.equal(failing.requests.length, 1);
  });

  it('is answered for with the last refusal when the other one fails too', async () => {
    await start();
    failing.answer = status('503 Service Unavailable');
    other.answer = status('504 Gateway Timeout');
    const answer = await ask();
    assert.deepEqual([answer.status, codeOf(answer)], [504, 'upstream_error']);
    assert.deepEqual([failing.requests.length, other.requests.length], [1, 1]);
  });

  it('costs retries within the budget only, and none when that is 0', async () => {
    await start({ breaker: { failures: 1_000_000 }, retryBudgetPercent: 10 });
    failing.answer = status('503 Service Unavailable');
    const sinceMs = performance.now();
    const statuses: number[] = [];
    for (let i = 0; i < 200; i++) statuses.push((await ask()).status);
    const seconds = (performance.now() - sinceMs) / 1_000;
    const served = statuses.filter((each) => each === 200).length;
    assert.equal(served, other.requests.length);
    // A reserve of 10, a tenth of the requests, one for every second.
    assert.ok(served >= 20 && served <= 10 + 20 + seconds + 2, `${served} retries in ${seconds} s`);
    await node!.close();

    await start({ breaker: { failures: 1_000_000 }, retryBudgetPercent: 0 });
    assert.equal((await ask()).status, 503);
  });

  it('gets no requests for a while after failures in a row, then one, and all again when that one is answered', async () => {
    await start({ breaker: { failures: 3, openFor: '1s' }, retryBudgetPercent: 0 }, [failing.url]);
    failing.answer = status('500 Internal Server Error');
    for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 500);
    await node!.waitForLog(({ msg }) => msg === 'backend gets no requests for a while');
    const refused = await ask();
    assert.deepEqual([refused.status, codeOf(refused)], [503, 'no_backend']);
    assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
    assert.equal(failing.requests.length, 3);
    assert.equal(await node!.metric('fxn_upstream_breaker_state'), 2);

    // Half open: of many at once one gets through, and fails.
    await eventually(
      () => node!.metric('fxn_upstream_breaker_state'),
      (state) => state === 1,
    );
    const held: RawRequest[] = [];
    failing.answer = (request) => void held.push(request);
    const many = Array.from({ length: 20 }, () => ask());
    await eventually(
      async () => (await node!.metric('endpoint_responses_total', { status_code: '503' })) ?? 0,
      (count) => count === 20,
    );
    assert.equal(held.length, 1);
    status('500 Internal Server Error')(held[0]!);
    const statuses = (await Promise.all(many)).map((each) => each.status).sort();
    assert.deepEqual(statuses, [500, ...Array.from({ length: 19 }, () => 503)]);
    assert.equal(await node!.metric('fxn_upstream_breaker_state'), 2);

    failing.answer = serve;
    await eventually(ask, (answer) => answer.status === 200);
    assert.equal(await node!.metric('fxn_upstream_breaker_state'), 0);
    const after = await Promise.all(Array.from({ length: 10 }, () => ask()));
    assert.ok(after.every((answer) => answer.status === 200));
  });

  it('is not kept out by what callers do: 4xx, 429 and clients that leave', async () => {
    await start({ breaker: { failures: 2, openFor: '1h' } }, [failing.url]);
    for (const line of ['400 Bad Request', '404 Not Found', '429 Too Many Requests', '422 Nonsense']) {
      failing.answer = status(line);
      for (let i = 0; i < 3; i++) await ask();
    }
    failing.answer = ({ socket }) =>
      void socket.write(Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('data: {}\n\n')]));
    for (let i = 0; i < 5; i++) {
      const stream = await open(`${node!.url}/v1/chat/completions`, { body: { model: 'm' } });
      await stream.readUntil('data');
      stream.leave(i % 2 === 0 ? 'rst' : 'fin');
    }
    await eventually(
      () => node!.metric('fxn_upstream_errors_total', { kind: 'client_closed' }),
      (count) => count === 5,
    );
    failing.answer = serve;
    assert.equal((await ask()).status, 200);
    assert.equal(await node!.metric('fxn_upstream_breaker_state'), 0);
  });

  it('gets its requests again when a reload brings another backend in its place', async () => {
    await start({ breaker: { failures: 1, openFor: '1h' } }, [failing.url]);
    failing.answer = status('500 Internal Server Error');
    await ask();
    assert.equal((await ask()).status, 503);
    await node!.reload({ modelBackends: { models: [{ name: 'm', backends: [{ url: other.url }] }] } });
    assert.equal((await ask()).status, 200);
  });
});

/** Requests beyond what the backends take at once: they wait in line, exactly counted over all fronts, or are refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { orderFile } from '../support/frontOrders.js';
import { type HeldBackend, startHeldBackend } from '../support/heldBackend.js';
import { type Answer, begin, type OpenRequest } from '../support/httpClient.js';
import { json } from '../support/testBackend.js';
import type { TestNode, TestNodeOptions } from '../support/testNode.js';

const crashingEntry = fileURLToPath(import.meta.resolve('#test/support/crashingMain.js'));

describe('requests that wait for a backend', () => {
  let backend: HeldBackend;
  let node: TestNode | undefined;
  beforeEach(async () => {
    backend = await startHeldBackend();
  });
  afterEach(async () => {
    backend.releaseAll();
    await node?.close();
    node = undefined;
    await backend.close();
  });

  const modelBackends = (maxConcurrency: number, urls: readonly string[] = [backend.url]): object => ({
    models: [{ name: 'm', backends: urls.map((url) => ({ url, maxConcurrency })) }],
  });

  const start = async (
    options: {
      maxConcurrency?: number;
      queue?: { maxWaiting?: number; maxWait?: string };
      threads?: number;
      proxy?: object;
    } & Partial<TestNodeOptions> = {},
  ): Promise<TestNode> => {
    const { maxConcurrency = 1, queue = {}, threads = 4, proxy = {}, ...rest } = options;
    node = await startBypassNode({
      modelBackends: modelBackends(maxConcurrency),
      config: {
        node: { listenPort: 0, threads, drainTimeout: '20s' },
        proxy: { queue: { maxWaiting: 100, maxWait: '50s', ...queue }, ...proxy },
      },
      ...rest,
    });
    return node;
  };

  const ask = (id: unknown): OpenRequest =>
    begin(`${node!.url}/v1/chat/completions`, { body: { model: 'm', id } });
  const answered = async (request: OpenRequest): Promise<Answer> => (await request.answer).end();
  const codeOf = ({ text }: Answer): unknown => (JSON.parse(text) as { error: { code: unknown } }).error.code;

  const untilWaiting = (count: number): Promise<unknown> =>
    eventually(
      () => node!.metric('fxn_upstream_queued_requests', { model: 'm' }),
      (waiting) => waiting === count,
    );
  const untilHeld = (count: number): Promise<unknown> =>
    eventually(
      () => backend.held.length,
      (held) => held === count,
    );
  const untilIdle = async (): Promise<void> => {
    for (const name of ['fxn_upstream_in_flight_requests', 'fxn_http_in_flight_requests']) {
      await eventually(
        () => node!.metric(name),
        (open) => open === 0,
      );
    }
    await untilWaiting(0);
  };

  it('never are more at a backend than it takes, over all fronts, and all are served', async () => {
    await start({ maxConcurrency: 3, threads: 4 });
    const requests = Array.from({ length: 60 }, (_, id) => ask(id));
    await untilHeld(3);
    await untilWaiting(57);
    while (backend.ids.length < 60 || backend.held.length > 0) {
      backend.held[Math.floor(Math.random() * backend.held.length)]?.release();
      await sleep(2);
    }
    const statuses = (await Promise.all(requests.map(answered))).map(({ status }) => status);
    assert.deepEqual(
      statuses,
      requests.map(() => 200),
    );
    assert.equal(backend.most(), 3);
    assert.equal(new Set(backend.ids).size, 60);
    assert.equal(await node!.metric('fxn_admission_requests_total', { outcome: 'at_once' }), 3);
    assert.equal(await node!.metric('fxn_admission_requests_total', { outcome: 'waited' }), 57);
    await untilIdle();
  });

  it('are served in the order in which they came, whichever front they came to', async () => {
    await start({ threads: 4 });
    const requests = [ask(0)];
    await untilHeld(1);
    for (let id = 1; id <= 12; id++) {
      requests.push(ask(id));
      await untilWaiting(id);
    }
    for (let done = 0; done <= 12; done++) {
      await untilHeld(1);
      backend.held[0]!.release();
      await answered(requests[done]!);
    }
    assert.deepEqual(
      backend.ids,
      requests.map((_, id) => id),
    );
  });

  it('are refused with 429 and Retry-After when the line is full, exactly over all fronts', async () => {
    await start({ queue: { maxWaiting: 5 }, threads: 4 });
    const requests = Array.from({ length: 30 }, (_, id) => ask(id));
    const refused = await eventually(
      async () => (await node!.metric('endpoint_responses_total', { status_code: '429' })) ?? 0,
      (count) => count >= 24,
    );
    assert.equal(refused, 24);
    await untilWaiting(5);
    backend.releaseAll();
    const answers = await Promise.all(requests.map(answered));
    const full = answers.filter(({ status }) => status === 429);
    assert.equal(full.length, 24);
    for (const answer of full) {
      assert.equal(codeOf(answer), 'queue_full');
      assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
    }
    assert.equal(answers.filter(({ status }) => status === 200).length, 6);
    assert.equal(backend.most(), 1);
  });

  it('are refused with 503 and Retry-After when none became free in time', async () => {
    await start({ queue: { maxWait: '300ms' } });
    const first = ask('first');
    await untilHeld(1);
    const late = await answered(ask('late'));
    assert.deepEqual([late.status, codeOf(late)], [503, 'queue_timeout']);
    assert.match(String(late.headers['retry-after']), /^[1-9]\d*$/);
    await untilWaiting(0);
    backend.held[0]!.release();
    assert.equal((await answered(first)).status, 200);
    assert.deepEqual(backend.ids, ['first']);
    assert.equal(await node!.metric('fxn_admission_requests_total', { outcome: 'queue_timeout' }), 1);
  });

  it('are refused at once where nobody may wait', async () => {
    await start({ queue: { maxWaiting: 0 } });
    const first = ask('first');
    await untilHeld(1);
    const second = await answered(ask('second'));
    assert.deepEqual([second.status, codeOf(second)], [429, 'queue_full']);
    backend.held[0]!.release();
    assert.equal((await answered(first)).status, 200);
    assert.equal((await answeredOnceFree('third')).status, 200);
  });

  const answeredOnceFree = async (id: string): Promise<Answer> => {
    const request = ask(id);
    await untilHeld(1);
    backend.held[0]!.release();
    return answered(request);
  };

  it('leave the line when their client leaves, by FIN or RST, and those behind them move up', async () => {
    await start({ threads: 3 });
    const first = ask('first');
    await untilHeld(1);
    const leaving = [ask('a'), ask('b'), ask('c'), ask('d')];
    await untilWaiting(4);
    const last = ask('last');
    await untilWaiting(5);
    leaving.forEach((request, index) => {
      request.leave(index % 2 === 0 ? 'fin' : 'rst');
    });
    await untilWaiting(1);
    backend.held[0]!.release();
    await untilHeld(1);
    backend.held[0]!.release();
    assert.equal((await answered(first)).status, 200);
    assert.equal((await answered(last)).status, 200);
    assert.deepEqual(backend.ids, ['first', 'last']);
    assert.equal(await node!.metric('fxn_admission_requests_total', { outcome: 'left' }), 4);
    await untilIdle();
  });

  it('get the place of a client that leaves while it is served', async () => {
    await start();
    const first = ask('first');
    await untilHeld(1);
    const second = ask('second');
    await untilWaiting(1);
    first.leave('rst');
    await eventually(
      () => backend.held[0]?.id,
      (id) => id === 'second',
    );
    backend.held[0]!.release();
    assert.equal((await answered(second)).status, 200);
  });

  it('get the place of a request that fails', async () => {
    await start({ proxy: { breaker: { failures: 1_000 } } });
    const requests = Array.from({ length: 20 }, (_, id) => ask(id));
    for (let done = 0; done < 20; done++) {
      await untilHeld(1);
      const { response } = backend.held[0]!;
      if (done % 3 === 0) json(response, 500, {});
      else if (done % 3 === 1) {
        // After a byte of its own: a kept connection that only closes is taken for stale, and the request comes again.
        response.writeHead(200, { 'content-type': 'application/json' });
        response.flushHeaders();
        setTimeout(() => response.destroy(), 20);
      } else json(response, 429, { error: {} });
      await eventually(
        () => backend.ids.length,
        (arrived) => arrived > done + 1 || done === 19,
      );
    }
    const statuses = (await Promise.all(requests.map(answered))).map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)].sort(), [429, 500, 502]);
    await untilIdle();
  });

  it('get the places of a front that fails, and its own requests leave the line', async () => {
    const commands = mkdtempSync(join(tmpdir(), 'fxn-commands-'));
    after(() => rmSync(commands, { recursive: true, force: true }));
    await start({
      maxConcurrency: 4,
      threads: 2,
      entry: crashingEntry,
      env: { FXN_TEST_COMMANDS: commands },
    });
    const requests = Array.from({ length: 40 }, (_, id) => ask(id));
    const outcomes = requests.map((request) =>
      answered(request).then(
        ({ status }) => status,
        () => 'cut',
      ),
    );
    await untilHeld(4);
    await untilWaiting(36);
    writeFileSync(join(commands, orderFile({ front: 0, command: 'throw' })), '');
    await node!.waitForLog(({ msg }) => msg === 'front thread failed');
    const drained = setInterval(() => backend.held[0]?.release(), 5);
    const ended = await Promise.all(outcomes);
    clearInterval(drained);
    const served = ended.filter((status) => status === 200).length;
    const cut = ended.filter((status) => status === 'cut').length;
    assert.equal(served + cut, 40, JSON.stringify(ended));
    assert.ok(served > 0 && cut > 0, `served ${served}, cut ${cut}`);
    assert.equal(backend.most(), 4);
    await untilIdle();
    // All four places are there again.
    const again = Array.from({ length: 4 }, (_, id) => ask(`again ${id}`));
    await untilHeld(4);
    backend.releaseAll();
    for (const request of again) assert.equal((await answered(request)).status, 200);
  });

  it('move on when a reload raises the limit', async () => {
    await start();
    const requests = [ask(0), ask(1), ask(2)];
    await untilHeld(1);
    await untilWaiting(2);
    await node!.reload({ modelBackends: modelBackends(3) });
    await untilHeld(3);
    backend.releaseAll();
    for (const request of requests) assert.equal((await answered(request)).status, 200);
  });

  it('are served when a reload takes their backend away and brings another', async () => {
    const other = await startHeldBackend();
    await start();
    const first = ask('first');
    await untilHeld(1);
    const second = ask('second');
    await untilWaiting(1);
    await node!.reload({ modelBackends: modelBackends(1, [other.url]) });
    await eventually(
      () => other.held.length,
      (held) => held === 1,
    );
    other.held[0]!.release();
    assert.equal((await answered(second)).status, 200);
    assert.equal(backend.held.length, 1);
    backend.held[0]!.release();
    assert.equal((await answered(first)).status, 200);
    await other.close();
  });

  it('are served while the node drains', async () => {
    await start({ threads: 2 });
    const requests = [ask(0), ask(1), ask(2)];
    await untilHeld(1);
    await untilWaiting(2);
    node!.signal('SIGTERM');
    await node!.waitForLog(({ msg }) => msg === 'draining');
    for (let done = 0; done < 3; done++) {
      await untilHeld(1);
      backend.held[0]!.release();
      await eventually(
        () => backend.ids.length,
        (arrived) => arrived > done + 1 || done === 2,
      );
    }
    for (const request of requests) assert.equal((await answered(request)).status, 200);
    assert.equal(await node!.exited, 0);
  });

  it('wait for one model without holding up another', async () => {
    const other = await startHeldBackend();
    other.releaseAll();
    await start({
      modelBackends: {
        models: [
          { name: 'm', backends: [{ url: backend.url, maxConcurrency: 1 }] },
          { name: 'other', backends: [{ url: other.url, maxConcurrency: 1 }] },
        ],
      },
    });
    ask('first');
    await untilHeld(1);
    ask('second');
    await untilWaiting(1);
    const answer = await answered(
      begin(`${node!.url}/v1/chat/completions`, { body: { model: 'other', id: 1 } }),
    );
    assert.equal(answer.status, 200);
    await other.close();
  });
});

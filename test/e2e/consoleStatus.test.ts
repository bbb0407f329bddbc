/** The status document of a node that really serves, and what the console's buttons do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { HistoryDocument, ReloadReport, StatusDocument } from '#src/console/statusDocument.js';
import { eventually } from '../support/bypassNode.js';
import { createCaller } from '../support/caller.js';
import { askConsole } from '../support/consoleClient.js';
import { orderFile } from '../support/frontOrders.js';
import { chatFrame, doneFrame, json } from '../support/testBackend.js';
import { chatBody, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

describe('the status of a node', () => {
  let stand: TestStand;
  before(async () => {
    stand = await startTestStand({
      handler: ({ body }, response) => {
        if (body.includes('fail')) {
          json(response, 500, {});
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(chatFrame('m', 'a'));
        response.write(
          `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } })}\n\n`,
        );
        response.end(doneFrame);
      },
    });
  });
  after(() => stand?.close());

  const status = (after = 0): Promise<StatusDocument> => askConsole(stand.node, `/status?after=${after}`);
  const streamed = JSON.stringify({ model: 'm', stream: true, messages: [] });

  it('says that it serves, and as whom', async () => {
    const { state, identity, fronts, chain, version, configuration, auth } = await status();
    assert.equal(state, 'serving');
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.equal(identity.port, stand.node.port);
    assert.deepEqual(fronts, { configured: 2, serving: 2, restarts: 0 });
    assert.equal(chain?.gateway.isFresh, true);
    assert.equal(chain?.gateway.entries, 1);
    assert.ok((chain?.gateway.blockNumber ?? 0) > 0);
    assert.equal(chain?.registration, 'absent');
    assert.deepEqual(configuration.needRestart, []);
    assert.equal(auth.isBypassed, false);
  });

  it('counts what passes through it, and tells of each request without its content', async () => {
    const before = await status();
    const headers = { 'x-request-id': 'the-one-that-streams' };
    const answer = await sendSigned(stand.node.port, stand.gateway, { body: streamed, headers });
    assert.equal(answer.status, 200);
    await sendSigned(stand.node.port, stand.gateway, { body: JSON.stringify({ model: 'm', x: 'fail' }) });
    await sendSigned(stand.node.port, createCaller(), { body: chatBody });

    const now = await eventually(status, ({ requests }) => requests.total >= before.requests.total + 3);
    assert.equal(now.requests.byStatus['1xx-3xx'] - before.requests.byStatus['1xx-3xx'], 1);
    assert.equal(now.requests.byStatus['4xx'] - before.requests.byStatus['4xx'], 1);
    assert.equal(now.requests.byStatus['5xx'] - before.requests.byStatus['5xx'], 1);
    assert.equal(now.requests.errors - before.requests.errors, 1);
    assert.equal(now.tokens.input - before.tokens.input, 7);
    assert.equal(now.tokens.output - before.tokens.output, 3);
    assert.equal(now.timeToFirstToken.count, 1);
    assert.ok((now.timeToFirstToken.p50Ms ?? 0) > 0);
    assert.deepEqual([now.requests.inFlight, now.requests.openStreams], [0, 0]);
    assert.equal(now.auth.outcomes['accepted'], (before.auth.outcomes['accepted'] ?? 0) + 2);
    assert.equal(now.auth.outcomes['auth_unknown_caller'], 1);

    const found = now.recentRequests.find(({ id }) => id === 'the-one-that-streams');
    assert.deepEqual(
      { ...found, number: 0, atMs: 0, durationMs: 0, firstTokenMs: 0 },
      {
        number: 0,
        atMs: 0,
        id: 'the-one-that-streams',
        endpoint: '/v1/chat/completions',
        model: 'm',
        backend: new URL(stand.backend.url).host,
        caller: stand.gateway.address.toLowerCase(),
        status: 200,
        end: 'complete',
        durationMs: 0,
        firstTokenMs: 0,
        inputTokens: 7,
        outputTokens: 3,
        areTokensEstimated: false,
        errorCode: null,
        receivedBytes: streamed.length,
        sentBytes: answer.body.length,
      },
    );
    assert.ok((found?.firstTokenMs ?? 0) <= (found?.durationMs ?? -1));
    const refused = now.recentRequests.find(({ errorCode }) => errorCode === 'auth_unknown_caller');
    assert.equal(refused?.status, 401);
    const newest = now.recentRequests[0]!.number;
    assert.deepEqual((await status(newest)).recentRequests, []);
  });

  it('counts a stream while it is open', async () => {
    let finish: (() => void) | undefined;
    const { handler } = stand.backend;
    stand.backend.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatFrame('m', 'a'));
      finish = () => void response.end(doneFrame);
    };
    const answered = sendSigned(stand.node.port, stand.gateway, { body: streamed });
    const open = await eventually(status, ({ requests }) => requests.openStreams === 1);
    assert.equal(open.requests.inFlight, 1);
    assert.equal(open.backends[0]?.inFlight, 1);
    finish?.();
    await answered;
    stand.backend.handler = handler;
    await eventually(status, ({ requests }) => requests.openStreams === 0 && requests.inFlight === 0);
  });

  it('has a history that goes on while nobody looks', async () => {
    const history = await eventually(
      () => askConsole<HistoryDocument>(stand.node, '/status/history'),
      ({ atMs }) => atMs.length >= 3,
    );
    const { atMs, intervalMs, gpus, ...columns } = history;
    assert.equal(intervalMs, 1_000);
    assert.deepEqual(gpus, []);
    for (const [name, column] of Object.entries(columns)) assert.equal(column.length, atMs.length, name);
    assert.ok(history.requestsPerSecond.some((rate) => (rate ?? 0) > 0));
    const fresh = await askConsole<HistoryDocument>(stand.node, `/status/history?after=${atMs.at(-1)}`);
    assert.ok(fresh.atMs.length < atMs.length);
  });

  it('tells of challenges, with the reason of a refusal', async () => {
    const send = (type: string) =>
      sendSigned(stand.node.port, stand.scheduler, {
        path: '/challenge',
        body: JSON.stringify({ type, payload: {} }),
      });
    await send('GPU_STATS');
    await send('NO_SUCH_TYPE');
    const { recent, engines } = (await status()).challenges;
    assert.deepEqual(
      recent.map(({ type, outcome, reason }) => ({ type, outcome, reason })),
      [
        { type: 'unknown', outcome: 'unknown_type', reason: 'This challenge type is not known.' },
        { type: 'GPU_STATS', outcome: 'answered', reason: null },
      ],
    );
    assert.equal(recent[0]?.caller, stand.scheduler.address.toLowerCase());
    assert.equal(engines.find(({ name }) => name === 'wasm')?.state, 'ready');
  });

  it('reloads both files, and says what is wrong with bad ones', async () => {
    const file = join(stand.node.home, 'model_backend.yaml');
    writeFileSync(file, 'models:\n  - name: "m"\n    bakcends: []\n');
    const refused = await askConsole<ReloadReport>(stand.node, '/console/reload', 'POST');
    assert.equal(refused.isApplied, false);
    assert.match(
      refused.problems.join('\n'),
      /model_backend\.yaml:3:5: .*bakcends.*did you mean "models\[0\]\.backends"/,
    );
    assert.deepEqual(
      (await status()).models.map(({ name }) => name),
      ['m'],
    );

    writeFileSync(file, `models:\n  - name: "renamed"\n    backends: [{ url: "${stand.backend.url}" }]\n`);
    const applied = await askConsole<ReloadReport>(stand.node, '/console/reload', 'POST');
    assert.deepEqual([applied.isApplied, applied.models, applied.problems], [true, 1, []]);
    assert.deepEqual(
      (await status()).models.map(({ name }) => name),
      ['renamed'],
    );
  });
});

describe('the status of a node whose front fails', () => {
  let stand: TestStand;
  let commands: string;
  before(async () => {
    commands = mkdtempSync(join(tmpdir(), 'fxn-commands-'));
    stand = await startTestStand({
      entry: fileURLToPath(import.meta.resolve('#test/support/crashingMain.js')),
      env: { FXN_TEST_COMMANDS: commands },
      config: { node: { listenPort: 0, threads: 1, drainTimeout: '300ms' } },
    });
  });
  after(async () => {
    await stand?.close();
    rmSync(commands, { recursive: true, force: true });
  });

  it('keeps the counts, and takes up the requests of the next front', async () => {
    const status = (): Promise<StatusDocument> => askConsole(stand.node, '/status');
    const send = () => sendSigned(stand.node.port, stand.gateway, { body: chatBody });
    assert.equal((await send()).status, 200);
    await eventually(status, ({ requests }) => requests.total === 1);
    writeFileSync(join(commands, orderFile({ front: 0, command: 'throw' })), '');
    await eventually(status, ({ fronts }) => fronts.restarts === 1 && fronts.serving === 1);
    await eventually(send, (answer) => answer.status === 200);
    const now = await eventually(status, ({ requests }) => requests.byStatus['1xx-3xx'] >= 2);
    assert.equal(now.recentRequests.filter(({ status: code }) => code === 200).length, 2);
  });
});

describe('draining from the console', () => {
  let stand: TestStand;
  beforeEach(async () => {
    stand = await startTestStand({ config: { node: { listenPort: 0, threads: 1, drainTimeout: '30s' } } });
  });
  afterEach(() => stand?.close());

  const status = (): Promise<StatusDocument> => askConsole(stand.node, '/status');
  const stopping = () => stand.node.log.filter(({ msg }) => msg === 'stopping').length;
  /** Drains while an answer runs; `finish` ends that answer. */
  const drainWithStream = async () => {
    let finish: (() => void) | undefined;
    stand.backend.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatFrame('m', 'a'));
      finish = () => void response.end(doneFrame);
    };
    const answered = sendSigned(stand.node.port, stand.gateway, {
      body: JSON.stringify({ model: 'm', stream: true, messages: [] }),
    });
    // It may be cut before anybody looks.
    answered.catch(() => undefined);
    await eventually(status, ({ requests }) => requests.inFlight === 1);
    await askConsole(stand.node, '/console/drain', 'POST');
    return { answered, finish: () => finish?.() };
  };

  it('lets a running answer end, says so meanwhile, and ends the process in good order', async () => {
    const { answered, finish } = await drainWithStream();
    // Once more changes nothing: it is no second signal, which would cut the answer.
    await askConsole(stand.node, '/console/drain', 'POST');
    const draining = await eventually(status, ({ state }) => state === 'draining');
    assert.equal(draining.problems[0]?.reason, 'it is shutting down');
    finish();
    assert.match((await answered).body, /\[DONE\]/);
    assert.equal(await stand.node.exited, 0);
    assert.equal(stopping(), 0);
  });

  it('counts as no signal: a service manager that then stops the node cuts nothing', async () => {
    const { answered, finish } = await drainWithStream();
    await stand.node.waitForLog(({ msg }) => msg === 'draining');
    stand.node.signal('SIGTERM');
    await stand.node.waitForLog(({ msg }) => msg === 'stopping');
    await eventually(status, ({ requests }) => requests.inFlight === 1);
    finish();
    assert.match((await answered).body, /\[DONE\]/);
    assert.equal(await stand.node.exited, 0);
    assert.equal(stopping(), 1);
  });

  it('is cut by a second signal, as every drain', async () => {
    const { answered } = await drainWithStream();
    stand.node.signal('SIGTERM');
    await stand.node.waitForLog(({ msg }) => msg === 'stopping');
    stand.node.signal('SIGTERM');
    assert.equal(await stand.node.exited, 1);
    await assert.rejects(answered);
  });
});

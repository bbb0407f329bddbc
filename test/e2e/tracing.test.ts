/** Traces as a collector gets them, and that a collector in trouble troubles nobody else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { open, send } from '../support/httpClient.js';
import {
  chatCompletion,
  chatFrame,
  doneFrame,
  json,
  startTestBackend,
  type TestBackend,
} from '../support/testBackend.js';
import type { TestNode } from '../support/testNode.js';
import { chatBody, chatPath, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';
import {
  type CollectedSpan,
  clientKind,
  errorStatus,
  serverKind,
  startTraceCollector,
  type TraceCollector,
} from '../support/traceCollector.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const sampled = `00-${traceId}-${spanId}-01`;

const serverOf =
  (id: string) =>
  ({ kind, attributes }: CollectedSpan): boolean =>
    kind === serverKind && attributes['fxn.request.id'] === id;
const childOf =
  (parent: CollectedSpan) =>
  ({ kind, parentSpanId }: CollectedSpan): boolean =>
    kind === clientKind && parentSpanId === parent.spanId;

const twoFrames = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chatFrame('m', 'a'));
};

describe('traces', () => {
  let collector: TraceCollector;
  let stand: TestStand;
  before(async () => {
    collector = await startTraceCollector();
    stand = await startTestStand({
      config: {
        telemetry: { otlpEndpoint: `http://op%40erator:s3cret@127.0.0.1:${collector.port}/tenant/` },
        logger: { verbosity: 'debug' },
      },
      env: { OTEL_EXPORTER_OTLP_HEADERS: 'x-team=blue' },
      handler: ({ url }, response) => {
        if (url.includes('fail')) return json(response, 500, {});
        if (!url.includes('stream')) return json(response, 200, chatCompletion('m', 'hello'));
        twoFrames(response);
        if (url.includes('cut')) setImmediate(() => response.destroy());
        else if (!url.includes('hold')) response.end(doneFrame);
      },
    });
  });
  after(async () => {
    await stand?.close();
    await collector?.close();
  });
  const ask = (id: string, headers: Record<string, string> = {}, path = chatPath) =>
    sendSigned(stand.node.port, stand.gateway, {
      body: chatBody,
      path,
      headers: { 'x-request-id': id, ...headers },
    });
  const seenBy = (backend: TestBackend, id: string) =>
    backend.requests.find(({ headers }) => headers['x-request-id'] === id)!.headers;

  it("join the caller's, and the backend's joins ours", async () => {
    assert.equal((await ask('t-1', { traceparent: sampled, tracestate: 'vendor=1' })).status, 200);
    const server = await collector.span(serverOf('t-1'));
    assert.deepEqual([server.traceId, server.parentSpanId], [traceId, spanId]);
    const client = await collector.span(childOf(server));
    assert.equal(client.traceId, traceId);
    const upstream = seenBy(stand.backend, 't-1');
    assert.equal(upstream['traceparent'], `00-${traceId}-${client.spanId}-01`);
    assert.equal(upstream['tracestate'], 'vendor=1');
  });

  it('say what was asked, of whom, how it went and through which phases', async () => {
    await ask('t-2');
    const server = await collector.span(serverOf('t-2'));
    assert.equal(server.name, `POST ${chatPath}`);
    const { 'http.response.body.size': size, ...attributes } = server.attributes;
    assert.ok(Number(size) > 100);
    assert.deepEqual(attributes, {
      'http.request.method': 'POST',
      'http.route': chatPath,
      'http.response.status_code': 200,
      'http.request.body.size': chatBody.length,
      'url.scheme': 'http',
      'url.path': chatPath,
      'server.address': '127.0.0.1',
      'server.port': stand.node.port,
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm',
      'fxn.request.id': 't-2',
      'fxn.caller.address': stand.gateway.address.toLowerCase(),
      'fxn.queue.wait_ms': 0,
      ...usageOf(server),
    });
    assert.deepEqual(server.events, [
      'receive',
      'authenticate',
      'admit',
      'select',
      'forward',
      'stream',
      'record',
    ]);
    assert.equal(server.resource['service.name'], 'fxn-provider-node');
    assert.match(String(server.resource['fxn.thread']), /^front-\d$/);
    const client = await collector.span(childOf(server));
    assert.equal(client.name, 'chat m');
    assert.equal(client.attributes['server.address'], '127.0.0.1');
    assert.equal(client.attributes['server.port'], stand.backend.port);
    assert.equal(client.attributes['gen_ai.provider.name'], 'custom');
    assert.ok(BigInt(client.startTimeUnixNano) >= BigInt(server.startTimeUnixNano));
    assert.ok(BigInt(client.endTimeUnixNano) <= BigInt(server.endTimeUnixNano));
    assert.ok(Math.abs(Number(BigInt(server.startTimeUnixNano) / 1_000_000n) - Date.now()) < 600_000);
    for (const { status } of [server, client]) assert.notEqual(status.code, errorStatus);
  });

  it('go to the traces path below the base URL, with the credentials as a header, and out of the log', () => {
    const [first] = collector.exports;
    assert.equal(first?.path, '/tenant/v1/traces');
    assert.equal(first.headers.authorization, `Basic ${Buffer.from('op@erator:s3cret').toString('base64')}`);
    assert.equal(first.headers['x-team'], 'blue', "the exporter's own environment variables count");
    assert.doesNotMatch(JSON.stringify(stand.node.log), /s3cret|erator|tenant/);
  });

  it('are not made of a request that its caller does not sample, though ids go on', async () => {
    await ask('t-3', { traceparent: `00-${traceId}-${spanId}-00` });
    await ask('t-3-next');
    await collector.span(serverOf('t-3-next'));
    assert.ok(!collector.spans.some(serverOf('t-3')));
    assert.match(
      String(seenBy(stand.backend, 't-3')['traceparent']),
      new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`),
    );
  });

  it('begin anew where the traceparent is malformed', async () => {
    await ask('t-4', { traceparent: `00-${traceId}-${spanId}-01-x`, tracestate: 'a=1' });
    const server = await collector.span(serverOf('t-4'));
    assert.equal(server.parentSpanId ?? '', '');
    assert.notEqual(server.traceId, traceId);
    assert.equal(seenBy(stand.backend, 't-4')['tracestate'], undefined);
  });

  it('take no parent from strangers, and few of their requests', async () => {
    const headers = { 'x-request-id': 't-5', traceparent: sampled };
    assert.equal((await send(`${stand.node.url}${chatPath}`, { body: chatBody, headers })).status, 401);
    const server = await collector.span(serverOf('t-5'));
    assert.notEqual(server.traceId, traceId);
    assert.equal(server.attributes['error.type'], 'auth_missing');
    assert.equal(server.attributes['fxn.caller.address'], undefined);
    assert.notEqual(server.status.code, errorStatus, 'a refusal is no error of the server');
    const before = collector.spans.length;
    const flood = 200;
    const startedMs = Date.now();
    await Promise.all(Array.from({ length: flood }, () => send(`${stand.node.url}/health`)));
    const seconds = 2 + Math.ceil((Date.now() - startedMs) / 1_000);
    await ask('t-5-last');
    await collector.span(serverOf('t-5-last'));
    const [fronts, perSecond] = [2, 10];
    assert.ok(
      collector.spans.length - before <= fronts * perSecond * seconds + 4,
      'every stranger was traced',
    );
  });

  it('tell of errors: of a backend, of a cut stream, of a client that left', async () => {
    await ask('t-6', {}, `${chatPath}?fail`);
    const failed = await collector.span(serverOf('t-6'));
    assert.equal(failed.status.code, errorStatus);
    assert.equal(failed.attributes['error.type'], 'upstream_error');
    assert.equal((await collector.span(childOf(failed))).attributes['error.type'], 'upstream_error');

    await ask('t-7', {}, `${chatPath}?stream-cut`).catch(() => undefined);
    const cut = await collector.span(serverOf('t-7'));
    assert.equal(cut.status.code, errorStatus);
    assert.equal(cut.attributes['error.type'], 'upstream_reset');
    assert.equal(cut.attributes['http.response.status_code'], 200);

    const headers = { 'x-request-id': 't-8', ...(await stand.gateway.sign(chatBody)) };
    const answer = await open(`${stand.node.url}${chatPath}?stream-hold`, { body: chatBody, headers });
    await answer.readUntil('"a"');
    answer.leave('rst');
    const left = await collector.span(serverOf('t-8'));
    assert.equal(left.status.code, errorStatus);
    assert.equal(left.attributes['error.type'], 'client_closed');
    assert.equal((await collector.span(childOf(left))).attributes['error.type'], 'client_closed');
  });

  it('share the request id with every log line about a request', () => {
    const about = stand.node.log.filter((line) => 'endpoint' in line || 'phase' in line || 'caller' in line);
    assert.ok(about.some(({ msg }) => msg === 'backend failed'));
    assert.ok(about.some(({ msg }) => msg === 'request'));
    assert.deepEqual(
      about.filter(({ id }) => typeof id !== 'string'),
      [],
    );
  });

  it('are counted', async () => {
    await eventually(
      async () => (await stand.node.metric('fxn_trace_spans_total', { outcome: 'exported' })) ?? 0,
      (exported) => exported === collector.spans.length,
    );
    assert.equal(await stand.node.metric('fxn_trace_spans_total', { outcome: 'dropped' }), undefined);
  });

  it('that wait are exported when the node stops', async () => {
    const node = stand.node;
    await ask('t-9');
    assert.equal(await node.close(), 0);
    assert.ok(collector.spans.some(serverOf('t-9')));
  });
});

/** Tokens, where the node counts them. */
function usageOf({ attributes }: CollectedSpan): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => key.startsWith('gen_ai.usage.')));
}

describe('a collector in trouble', () => {
  let backend: TestBackend;
  let collector: TraceCollector;
  let node: TestNode;
  before(async () => {
    backend = await startTestBackend((_, response) => json(response, 200, chatCompletion('m', 'hello')));
    collector = await startTraceCollector();
  });
  after(async () => {
    await node?.close();
    await backend?.close();
    await collector?.close();
  });
  const start = async (endpoint: string): Promise<void> => {
    await node?.close();
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
      config: { telemetry: { otlpEndpoint: endpoint }, node: { threads: 1 } },
    });
  };
  const ask = async () => {
    const answer = await send(`${node.url}${chatPath}`, { body: chatBody });
    assert.equal(answer.status, 200);
  };
  const outcome = async (name: string) =>
    (await node.metric('fxn_trace_spans_total', { outcome: name })) ?? 0;
  const complaints = () => node.log.filter(({ msg }) => msg === 'the collector takes no spans');

  for (const [what, fault] of Object.entries({
    refuses: (response: ServerResponse) => {
      response.writeHead(400).end('no');
    },
    'answers garbage': (response: ServerResponse) => {
      response.socket?.end('220 smtp\r\n');
    },
    'sends a huge answer': (response: ServerResponse) => {
      response.writeHead(200);
      const piece = Buffer.alloc(1_024 * 1_024, 'x');
      const pump = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', pump);
      pump();
    },
  })) {
    it(`that ${what} is said once, and that it is well again`, async () => {
      collector.fault = fault;
      await start(`${collector.url}/v1/traces`);
      for (let round = 1; round <= 2; round++) {
        await ask();
        await eventually(
          () => outcome('failed'),
          (failed) => failed >= 2 * round,
        );
      }
      assert.equal(complaints().length, 1, JSON.stringify(complaints()));
      assert.equal(complaints()[0]?.level, 'warn');
      collector.fault = undefined;
      await ask();
      await node.waitForLog(({ msg }) => msg === 'the collector takes spans again');
      assert.equal(await outcome('exported'), 2);
    });
  }

  it('drops what does not fit and counts it, while requests and the end of the node go on', async () => {
    // Takes requests and never answers.
    collector.fault = () => undefined;
    await start(collector.url);
    const requests = 1_200;
    for (let sent = 0; sent < requests; sent += 50) await Promise.all(Array.from({ length: 50 }, ask));
    await eventually(
      () => outcome('dropped'),
      (dropped) => dropped > 0,
    );
    assert.ok((await outcome('dropped')) <= 2 * requests - 2_048 + 1_024);
    assert.equal(await node.close(), 0);
    collector.fault = undefined;
  });

  it('that nobody runs costs nothing but one line in the log', async () => {
    await start('http://127.0.0.1:9');
    await ask();
    await eventually(
      () => outcome('failed'),
      (failed) => failed === 2,
    );
    assert.equal(complaints().length, 1);
    assert.match(String(complaints()[0]?.['reason']), /ECONNREFUSED/);
    assert.equal(complaints()[0]?.['collector'], '127.0.0.1:9');
  });
});

describe('a node without a collector', () => {
  it('loads nothing of the tracing library, which lies in a file of its own', () => {
    const entry = fileURLToPath(import.meta.resolve('#dist/workers/front.js'));
    const files = new Set<string>();
    const visit = (file: string): void => {
      if (files.has(file)) return;
      files.add(file);
      const text = readFileSync(file, 'utf8');
      for (const [, target] of text.matchAll(/^(?:import|export)\b[^;'"]*?["'](\.[^"']+)["']/gm)) {
        visit(join(dirname(file), target!));
      }
    };
    visit(entry);
    const isTracing = (file: string): boolean => readFileSync(file, 'utf8').includes('OTLPExporterBase');
    assert.ok(files.size > 1);
    assert.deepEqual([...files].filter(isTracing), []);
    const later = [...files].flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\bimport\(["'](\.[^"']*chunks\/[^"']+)["']\)/g)].map((match) =>
        join(dirname(file), match[1]!),
      ),
    );
    assert.equal(later.filter(isTracing).length, 1);
  });
});

/** What operators see: metrics that add up over all fronts, readiness that names what is missing, logs. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFaultyRpc } from '../chain/faultyRpc.js';
import { startTestNetwork, type TestNetwork } from '../chain/network.js';
import { eventually } from '../support/bypassNode.js';
import { createCaller } from '../support/caller.js';
import { send } from '../support/httpClient.js';
import { json, startTestBackend, type TestBackend } from '../support/testBackend.js';
import { startTestNode, type TestNode } from '../support/testNode.js';

const endpoint = '/v1/chat/completions';
const fronts = 4;

interface Family {
  readonly type: string;
  readonly samples: { readonly name: string; readonly labels: string; readonly value: number }[];
}

/** Reads the Prometheus text format strictly: every sample belongs to the family announced last. */
function parseMetrics(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let current = '';
  assert.ok(text.endsWith('\n'));
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment;
      if (kind === 'HELP') assert.ok(!families.has(name!), `${name} comes twice`);
      else {
        assert.match(rest!, /^(counter|gauge|histogram|summary)$/);
        families.set(name!, { type: rest!, samples: [] });
        current = name!;
      }
      continue;
    }
    const sample =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/.exec(line);
    assert.ok(sample, `not a sample: ${line}`);
    const [, name, labels = '', value] = sample;
    // prom-client writes Nan where nothing was measured; Prometheus reads it in any case.
    assert.match(value!, /^(?:[+-]Inf|Na[Nn]|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/);
    assert.equal(name!.replace(/_(?:bucket|sum|count)$/, ''), current.replace(/_(?:bucket|sum|count)$/, ''));
    families.get(current)!.samples.push({ name: name!, labels, value: Number(value) });
  }
  return families;
}

describe('what operators see', () => {
  const gateway = createCaller();
  let network: TestNetwork;
  let backend: TestBackend;
  let node: TestNode;
  before(async () => {
    network = await startTestNetwork({ gateways: [gateway.address] });
    backend = await startTestBackend((_, response) => json(response, 200, { model: 'm' }));
    node = await startTestNode({
      rpcUrls: [network.rpcUrl],
      router: network.routerAddress,
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
      config: { node: { listenPort: 0, threads: fronts }, logger: { verbosity: 'debug' } },
    });
    await node.waitForReady();
  });
  after(async () => {
    await node?.close();
    await backend?.close();
    await network?.close();
  });

  const scrape = async () => parseMetrics((await send(`${node.adminUrl}/metrics`)).text);
  const ask = async (model = 'm') => {
    const body = JSON.stringify({ model });
    return send(`${node.url}${endpoint}`, { body, headers: await gateway.sign(body) });
  };

  it('counts exactly over four fronts after parallel requests', async () => {
    const total = 120;
    const statuses = await Promise.all(
      Array.from({ length: total }, async (_, index) => (await ask(index % 3 === 0 ? 'nope' : 'm')).status),
    );
    assert.equal(statuses.filter((status) => status === 200).length, 80);
    const responses = (status: string) =>
      node.metric('endpoint_responses_total', { endpoint, status_code: status });
    assert.equal(await responses('200'), 80);
    assert.equal(await responses('404'), 40);
    assert.equal(await node.metric('fxn_auth_requests_total', { outcome: 'accepted' }), total);
    assert.equal(await node.metric('fxn_http_request_duration_seconds_count', { endpoint }), total);
    assert.equal(
      await node.metric('fxn_http_request_duration_seconds_bucket', { endpoint, le: '+Inf' }),
      total,
    );
    assert.equal(await node.metric('fxn_replay_entries'), total);
    assert.equal(await node.metric('fxn_http_in_flight_requests'), 0);
    assert.equal(await node.metric('fxn_upstream_in_flight_requests'), 0);
  });

  it('was shared out over more than one front', async () => {
    await eventually(
      () => [...new Set(node.log.filter(({ msg }) => msg === 'request').map(({ thread }) => thread))],
      ({ length }) => length > 1,
    );
  });

  it('is valid Prometheus text with every promised name', async () => {
    const response = await send(`${node.adminUrl}/metrics`);
    assert.match(String(response.headers['content-type']), /^text\/plain; version=0\.0\.4/);
    const families = parseMetrics(response.text);
    const types = {
      endpoint_responses_total: 'counter',
      fxn_http_in_flight_requests: 'gauge',
      fxn_http_request_duration_seconds: 'histogram',
      fxn_upstream_in_flight_requests: 'gauge',
      fxn_auth_requests_total: 'counter',
      fxn_replay_entries: 'gauge',
      fxn_registry_age_seconds: 'gauge',
      fxn_registry_entries: 'gauge',
      fxn_registered: 'gauge',
      fxn_event_loop_delay_seconds: 'gauge',
      gen_ai_server_time_to_first_token_seconds: 'histogram',
      fxn_upstream_errors_total: 'counter',
      process_cpu_seconds_total: 'counter',
    };
    for (const [name, type] of Object.entries(types)) assert.equal(families.get(name)?.type, type, name);
    const labels = families.get('fxn_registry_age_seconds')!.samples.map((sample) => sample.labels);
    assert.deepEqual(labels.sort(), ['registry="gateway"', 'registry="provider"']);
    assert.equal(await node.metric('fxn_registry_entries', { registry: 'gateway' }), 1);
    assert.equal(await node.metric('fxn_registered'), 0);
  });

  it('measures the event loop of every thread', async () => {
    const samples = (await scrape()).get('fxn_event_loop_delay_seconds')!.samples;
    const threads = samples.map(({ labels }) => /thread="([^"]+)"/.exec(labels)?.[1]);
    for (const thread of ['main', ...Array.from({ length: fronts }, (_, index) => `front-${index}`)]) {
      assert.equal(threads.filter((name) => name === thread).length, 1, thread);
    }
    for (const { value } of samples) assert.ok(value >= 0 && value < 60);
  });

  it('has no label that callers can choose', async () => {
    const odd = 'evil-label-value';
    await send(`${node.url}/v1/${odd}`);
    await send(`${node.url}/${odd}`, { method: 'DELETE' });
    await ask(odd);
    assert.doesNotMatch((await send(`${node.adminUrl}/metrics`)).text, new RegExp(odd));
  });

  it('answers /health on both ports, and nothing else of the admin port in public', async () => {
    assert.equal((await send(`${node.adminUrl}/health`)).status, 200);
    assert.equal((await send(`${node.url}/health`)).status, 200);
    for (const path of ['/metrics', '/ready']) {
      assert.equal((await send(`${node.url}${path}`)).status, 404, path);
    }
    assert.equal((await send(`${node.adminUrl}/metrics`, { method: 'POST' })).status, 405);
    assert.equal((await send(`${node.adminUrl}/nope`)).status, 404);
    assert.equal((await send(`${node.adminUrl}${endpoint}`)).status, 404);
  });

  it('writes one line per request, with its id, phase and times, all JSON', async () => {
    const body = '{"model":"m"}';
    const headers = { ...(await gateway.sign(body)), 'x-request-id': 'find-me-1' };
    await send(`${node.url}${endpoint}`, { body, headers });
    const line = await node.waitForLog(({ msg, id }) => msg === 'request' && id === 'find-me-1');
    assert.equal(line['endpoint'], endpoint);
    assert.equal(line['status'], 200);
    assert.equal(line['end'], 'complete');
    assert.equal(line['bytesIn'], body.length);
    assert.equal(line['caller'], gateway.address.toLowerCase());
    assert.match(String(line['thread']), /^front-\d$/);
    assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const lines = node.log.filter(({ msg, id }) => msg === 'request' && id === 'find-me-1');
    assert.equal(lines.length, 1);
    for (const { level } of node.log) assert.notEqual(level, 'not json');
    const text = JSON.stringify(node.log);
    assert.ok(!text.includes((headers as Record<string, string>)['x-signature']!), 'no signature in the log');
  });
});

describe('readiness', () => {
  let network: TestNetwork;
  before(async () => {
    network = await startTestNetwork();
  });
  after(() => network?.close());

  it('names what is missing: the chain, the backends, then nothing', async () => {
    const rpc = await startFaultyRpc(network.rpcUrl);
    rpc.misbehave('server_error');
    const backend = await startTestBackend((_, response) => json(response, 200, {}));
    await backend.close();
    const node = await startTestNode({
      rpcUrls: [rpc.url],
      router: network.routerAddress,
      modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
      config: { proxy: { healthInterval: '1s' } },
      pastReplayMark: false,
    });
    const ready = async () => {
      const answer = await send(`${node.adminUrl}/ready`);
      return { status: answer.status, ...(JSON.parse(answer.text) as { ready: boolean; missing: string[] }) };
    };
    try {
      const first = await ready();
      assert.equal(first.status, 503);
      assert.equal(first.ready, false);
      const text = first.missing.join('\n');
      for (const part of [/^gateway registry: /m, /^provider registry: /m, /^backends: none answers$/m]) {
        assert.match(text, part);
      }
      assert.doesNotMatch(JSON.stringify(first), /:\/\/[^"]*key/i);
      assert.equal((await send(`${node.adminUrl}/health`)).status, 200, 'it lives all the same');

      rpc.misbehave('none');
      const second = await eventually(ready, ({ missing }) => missing.length === 1);
      assert.deepEqual(second.missing, ['backends: none answers']);
      assert.equal(second.status, 503);

      const back = await startTestBackend((_, response) => json(response, 200, {}), backend.port);
      const third = await eventually(ready, ({ status }) => status === 200);
      assert.deepEqual(third.missing, []);
      await back.close();
    } finally {
      await node.close();
      await rpc.close();
    }
  });
});

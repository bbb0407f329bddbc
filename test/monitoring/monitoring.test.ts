// needs: prometheus promtool
/** config/monitoring.sh as an operator starts it, with a real Prometheus and a real node. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../keys/temporaryFolder.js';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { endWithTests } from '../support/endWithTests.js';
import { freePort } from '../support/redisServer.js';
import type { TestNode } from '../support/testNode.js';
import { alerts, records } from './ruleFiles.js';

const config = fileURLToPath(new URL('../../../config/', import.meta.url));
const script = join(config, 'monitoring.sh');

interface Monitoring {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

function startMonitoring(args: readonly string[], env: Readonly<Record<string, string>> = {}): Monitoring {
  const child = spawn('sh', [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  endWithTests(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (text += String(data)));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => text, ended };
}

describe('monitoring.sh', () => {
  let node: TestNode;
  before(async () => {
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: 'http://127.0.0.1:9' }] }] },
    });
  });
  after(() => node?.close());

  it('has Prometheus scrape a node, take all rules, and understand every query of the dashboard', async (t) => {
    const folder = await temporaryFolder(t);
    const port = await freePort();
    const monitoring = startMonitoring(
      ['--node', `127.0.0.1:${node.adminPort}`, '--prometheus-port', String(port)],
      // Else a Grafana of this machine would start as well.
      { TMPDIR: folder, PATH: withoutGrafana(folder) },
    );
    t.after(() => monitoring.child.kill('SIGKILL'));
    const ask = async (path: string): Promise<{ status: string; data: unknown; error?: string }> => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
      return (await response.json()) as { status: string; data: unknown; error?: string };
    };
    const query = (expr: string) => ask(`query?query=${encodeURIComponent(expr)}`);
    const sampleOf = async (expr: string): Promise<unknown> =>
      ((await query(expr)).data as { result: { value: [number, string] }[] }).result[0]?.value[1];

    await eventually(
      () => ask('targets').catch(() => monitoring.output()),
      (answer) => JSON.stringify(answer).includes('"health":"up"'),
    );
    assert.equal(await sampleOf('up{job="fxn-node"}'), '1');
    assert.equal(await sampleOf('fxn_ready'), '0');
    const { groups } = (await ask('rules')).data as { groups: { rules: { name: string }[] }[] };
    assert.deepEqual(
      groups.flatMap(({ rules }) => rules.map(({ name }) => name)).toSorted(),
      [...alerts.map(({ alert }) => alert), ...records.keys()].toSorted(),
    );

    const pending = await eventually(
      async () =>
        (await ask('alerts')).data as { alerts: { labels: { alertname: string }; annotations: object }[] },
      ({ alerts: found }) => found.some(({ labels }) => labels.alertname === 'FxnNodeNotReady'),
    );
    assert.doesNotMatch(JSON.stringify(pending), /error expanding|<no value>/);

    const dashboard = readFileSync(join(config, 'grafana/fxn-node.json'), 'utf8');
    const expressions = [...dashboard.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(
      (match) => JSON.parse(match[1]!) as string,
    );
    assert.ok(expressions.length >= 60);
    for (const expr of expressions) {
      const { status, error } = await query(
        expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'),
      );
      assert.equal(status, 'success', `${expr}: ${error}`);
    }

    assert.match(monitoring.output(), /grafana is not installed; import config\/grafana\/fxn-node\.json/);
    monitoring.child.kill('SIGINT');
    assert.equal(await monitoring.ended, 0, monitoring.output());
    await assert.rejects(ask('targets'));
    assert.deepEqual(readdirSync(folder), ['bin']);
  });

  it('starts Grafana where there is one, with the dashboard and its source, and ends it too', async (t) => {
    const folder = await temporaryFolder(t);
    const told = join(folder, 'told');
    // Grafana itself is in no Debian package: this one only says what it was told.
    const bin = withoutGrafana(folder);
    writeFileSync(
      join(bin, 'grafana-server'),
      `#!/bin/sh\n{ echo "$*"; env; } > '${told}.part'; mv '${told}.part' '${told}'\nexec sleep 600\n`,
    );
    chmodSync(join(bin, 'grafana-server'), 0o755);
    const port = await freePort();
    const grafanaPort = await freePort();
    const data = join(folder, 'data');
    const monitoring = startMonitoring(
      ['--data', data, '--prometheus-port', String(port), '--grafana-port', String(grafanaPort)],
      { PATH: bin },
    );
    t.after(() => monitoring.child.kill('SIGKILL'));
    await eventually(() => existsSync(told), Boolean);
    const text = readFileSync(told, 'utf8');
    for (const line of [
      'GF_SERVER_HTTP_ADDR=127.0.0.1',
      `GF_SERVER_HTTP_PORT=${grafanaPort}`,
      `FXN_PROMETHEUS_URL=http://127.0.0.1:${port}`,
      `GF_PATHS_PROVISIONING=${join(config, 'grafana/provisioning')}`,
      `FXN_DASHBOARDS=${join(config, 'grafana')}`,
      `GF_PATHS_DATA=${join(data, 'grafana')}`,
    ]) {
      assert.ok(text.split('\n').includes(line), line);
    }
    monitoring.child.kill('SIGTERM');
    assert.equal(await monitoring.ended, 0, monitoring.output());
    // A folder that was given stays.
    assert.ok(existsSync(join(data, 'prometheus.yaml')));
  });

  it('refuses what it does not understand, and checks what it would start', () => {
    const run = (...args: string[]) => spawnSync('sh', [script, ...args], { encoding: 'utf8' });
    for (const [args, message] of [
      [['--nodes', 'x'], /unknown option --nodes/],
      [['--node', 'somewhere'], /expected HOST:PORT of an admin port, found somewhere/],
      [['--node', "a:1', 'b:2"], /expected HOST:PORT/],
      [['--prometheus-port', 'http'], /--prometheus-port: expected a port, found http/],
      [['--data'], /--data needs a value/],
    ] as const) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, message);
    }
    const checked = run('--check', '--node', '10.0.0.1:9090', '--node', 'b:1');
    assert.equal(checked.status, 0, checked.stderr);
    assert.match(checked.stdout, /valid prometheus config/);
  });
});

/** A search path with what the script needs, and without a Grafana that this machine may have. */
function withoutGrafana(folder: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const shell = '/bin/sh';
  const links = [
    'sh',
    'dirname',
    'mktemp',
    'mkdir',
    'rm',
    'cat',
    'sleep',
    'sed',
    'env',
    'mv',
    'prometheus',
    'promtool',
  ];
  for (const name of links) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    writeFileSync(join(bin, name), `#!${shell}\nexec '${found}' "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

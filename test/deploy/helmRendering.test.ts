// needs: helm
/** What Helm makes of the chart. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '#src/config/loadConfig.js';
import { temporaryFolder } from '../keys/temporaryFolder.js';
import { alerts } from '../monitoring/ruleFiles.js';
import { deployFolder } from './deployFolder.js';

type Tree = Readonly<Record<string, unknown>>;

const chart = join(deployFolder, 'helm/fxn-provider-node');

const helm = (...args: string[]) => spawnSync('helm', args, { encoding: 'utf8', timeout: 60_000 });
/** Else a Helm that was built without a version takes an ancient one. */
const render = (...args: string[]) =>
  helm('template', 'release', chart, '--kube-version', '1.31.0', '--namespace', 'fxn', ...args);

const everything = [
  ['serviceMonitor.enabled', 'true'],
  ['prometheusRule.enabled', 'true'],
  ['networkPolicy.enabled', 'true'],
  ['key.existingSecret', 'fxn-key'],
  ['key.passwordKey', 'password'],
].flatMap(([key, value]) => ['--set', `${key}=${value}`]);

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Tree;
  readonly data: Readonly<Record<string, string>>;
}

function resourcesOf(...args: string[]): Map<string, Resource> {
  const { status, stdout, stderr } = render(...args);
  assert.equal(status, 0, stderr);
  const documents = parseAllDocuments(stdout).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as Resource;
  });
  return new Map(documents.map((resource) => [`${resource.kind} ${resource.metadata.name}`, resource]));
}

/** Loads a rendered ConfigMap as the node would. */
async function loadRendered(t: TestContext, resources: Map<string, Resource>) {
  const folder = await temporaryFolder(t);
  const { data } = resources.get('ConfigMap release-fxn-provider-node')!;
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), text);
  return loadConfig({ home: folder, env: {} });
}

describe('the Helm chart, rendered', () => {
  it('passes Helm’s own checks, with everything on too', () => {
    for (const args of [[], everything]) {
      const { status, stdout, stderr } = helm('lint', '--strict', '--kube-version', '1.31.0', chart, ...args);
      assert.equal(status, 0, stdout + stderr);
    }
  });

  it('renders a set of pods that drain, each with a home of its own', async (t) => {
    const resources = resourcesOf();
    assert.deepEqual([...resources.keys()].toSorted(), [
      'ConfigMap release-fxn-provider-node',
      'Service release-fxn-provider-node',
      'Service release-fxn-provider-node-pods',
      'StatefulSet release-fxn-provider-node',
    ]);
    const { spec } = resources.get('StatefulSet release-fxn-provider-node') as unknown as {
      spec: {
        volumeClaimTemplates: { metadata: { name: string } }[];
        template: {
          spec: {
            terminationGracePeriodSeconds: number;
            containers: {
              lifecycle: { preStop: { exec: { command: string[] } } };
              readinessProbe: { httpGet: object };
              livenessProbe: { httpGet: object };
              volumeMounts: { name: string; mountPath: string }[];
            }[];
          };
        };
      };
    };
    const pod = spec.template.spec;
    const [container] = pod.containers;
    const preStopS = Number(container!.lifecycle.preStop.exec.command[1]);
    const { config, modelBackends, warnings } = await loadRendered(t, resources);
    assert.deepEqual(warnings, []);
    assert.ok(pod.terminationGracePeriodSeconds > config.node.drainTimeout / 1_000 + preStopS);
    assert.deepEqual(container!.readinessProbe.httpGet, { path: '/ready', port: 'admin' });
    assert.deepEqual(container!.livenessProbe.httpGet, { path: '/health', port: 'admin' });
    assert.deepEqual(
      spec.volumeClaimTemplates.map(({ metadata }) => metadata.name),
      ['home'],
    );
    assert.equal(container!.volumeMounts.find(({ name }) => name === 'home')?.mountPath, '/home/node/.fxn');
    assert.deepEqual([config.node.listenAddress, config.node.listenPort], ['0.0.0.0', 8080]);
    assert.deepEqual([config.admin.listenAddress, config.admin.listenPort], ['0.0.0.0', 9090]);
    assert.equal(config.admin.console, false);
    assert.equal(config.schedulerAddress, '0x0a7a1ff52515c24faa17c13b916679926272ffc4');
    assert.equal(modelBackends.models[0]?.name, 'my-model');
  });

  it('renders key, scraping, alerts and a policy where they are wanted', async (t) => {
    const resources = resourcesOf(...everything);
    const { config } = await loadRendered(t, resources);
    assert.deepEqual(config.keys, {
      file: '/run/fxn-key/nodekey.json',
      passwordFile: '/run/fxn-key/password',
    });
    const { spec } = resources.get('PrometheusRule release-fxn-provider-node')!;
    const rendered = (spec['groups'] as { rules: { alert?: string }[] }[]).flatMap(({ rules }) => rules);
    assert.deepEqual(
      rendered.flatMap(({ alert }) => alert ?? []).toSorted(),
      alerts.map(({ alert }) => alert).toSorted(),
    );
    const monitor = resources.get('ServiceMonitor release-fxn-provider-node')!;
    assert.match(JSON.stringify(monitor), /"targetLabel":"job","replacement":"fxn-node"/);
    const policy = JSON.stringify(resources.get('NetworkPolicy release-fxn-provider-node')!.spec);
    assert.match(policy, /\{"ports":\[\{"port":"public"\}\]\}/);
    assert.match(policy, /\{"ports":\[\{"port":"admin"\}\],"from":\[/);
  });

  it('says what is missing for several pods, and for a drain that would be cut', () => {
    const redis = ['--set', 'config.nonceCache.store=redis', '--set', 'config.nonceCache.redisUrl=redis://r'];
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--set', 'replicas=2'], /needs config\.nonceCache\.store "redis"/],
      [['--set', 'replicas=2', ...redis], /needs key\.existingSecret/],
      [['--set', 'terminationGracePeriodSeconds=39'], /must be at least 40: config\.node\.drainTimeout/],
      [['--set', 'config.admin.listenPort=1'], /config\/admin/],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = render(...args);
      assert.equal(status, 1, args.join(' '));
      assert.match(stderr, message);
    }
    assert.equal(render('--set', 'replicas=2,key.existingSecret=k', ...redis).status, 0);
  });
});

/** The container files: what can be held of them without building one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startBypassNode } from '../support/bypassNode.js';
import { configFolder, deployFolder, drainTimeoutS, parseDeployed, readDeployed } from './deployFolder.js';

interface Stage {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Stages with their instructions, continued lines joined, comments left out. */
function stagesOf(dockerfile: string): Stage[] {
  const instructions = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string; lines: string[] }[] = [];
  for (const line of instructions) {
    const from = /^FROM \S+ AS (\w+)$/.exec(line);
    if (from !== null) stages.push({ name: from[1]!, lines: [] });
    else stages.at(-1)?.lines.push(line);
  }
  return stages;
}

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
        readonly stop_grace_period?: string;
        readonly ports?: readonly string[];
        readonly volumes?: readonly string[];
      }
    >
  >;
  readonly volumes: Readonly<Record<string, object>>;
}

const stages = stagesOf(readDeployed('Dockerfile'));
const healthCheck = /^HEALTHCHECK .* CMD (\[.*\])$/;

describe('the Dockerfile', () => {
  it('makes a slim image for each kind of machine, run by an ordinary user', () => {
    assert.deepEqual(
      stages.map(({ name }) => name),
      ['build', 'nvidia', 'cpu'],
    );
    for (const { name, lines } of stages.slice(1)) {
      const users = lines.flatMap((line) => /^USER (\w+)$/.exec(line)?.[1] ?? []);
      assert.deepEqual(users, ['node'], name);
      const last = lines.findLastIndex((line) => line.startsWith('RUN ') || line.startsWith('COPY '));
      assert.ok(lines.indexOf('USER node') > last, name);
      assert.ok(lines.includes('STOPSIGNAL SIGTERM'), name);
      assert.equal(lines.filter((line) => healthCheck.test(line)).length, 1, name);
      const entrypoint = lines.find((line) => line.startsWith('ENTRYPOINT '))!;
      const [tini, separator, node, program, ...rest] = JSON.parse(entrypoint.slice(11)) as string[];
      assert.deepEqual([tini, separator, node], ['/usr/bin/tini', '--', 'node'], name);
      assert.ok(existsSync(join(configFolder, '..', program!.replace('/app/', ''))), program);
      assert.deepEqual(rest, ['--home', '/home/node/.fxn'], name);
      assert.ok(
        lines.some((line) => / tini /.test(line)),
        name,
      );
      for (const [, from] of lines.join('\n').matchAll(/^COPY --from=(\w+) /gm)) assert.equal(from, 'build');
    }
  });

  it('asks a running node for its health, and notices when it is gone', async () => {
    const commands = stages.flatMap(({ lines }) =>
      lines.flatMap((line) => healthCheck.exec(line)?.[1] ?? []),
    );
    assert.equal(new Set(commands).size, 1);
    const [command, ...args] = JSON.parse(commands[0]!) as [string, ...string[]];
    assert.equal(command, 'node');
    const node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: [{ url: 'http://127.0.0.1:9' }] }] },
    });
    const check = async (): Promise<unknown> => {
      const adapted = args.map((arg) => arg.replace('127.0.0.1:9090', `127.0.0.1:${node.adminPort}`));
      const [code] = await once(spawn(process.execPath, adapted, { stdio: 'inherit' }), 'exit');
      return code;
    };
    assert.equal(await check(), 0);
    await node.close();
    assert.equal(await check(), 1);
  });
});

describe('the Compose files', () => {
  const files = { deploy: 'compose.yaml', fleet: '../fleet/compose.yaml' };
  for (const [name, file] of Object.entries(files)) {
    it(`of ${name} build what there is, mount what there is, and let answers end`, () => {
      const { services, volumes } = parseDeployed<Compose>(file);
      const folder = fileURLToPath(new URL(file, `file://${deployFolder}`));
      const nodes = Object.values(services).filter(({ build }) => build !== undefined);
      assert.ok(nodes.length >= 1);
      for (const { build, stop_grace_period: grace } of nodes) {
        const context = join(folder, '..', build!.context);
        assert.ok(existsSync(join(context, 'package.json')), build!.context);
        assert.ok(existsSync(join(context, build!.dockerfile)), build!.dockerfile);
        assert.ok(stages.some((stage) => stage.name === build!.target));
        assert.ok(Number(/^(\d+)s$/.exec(grace ?? '')?.[1]) > drainTimeoutS);
      }
      for (const mount of Object.values(services).flatMap((service) => service.volumes ?? [])) {
        const [source = ''] = mount.split(':');
        // The folder fxn is the operator's.
        if (source.startsWith('./fxn/')) continue;
        if (source.startsWith('.')) assert.ok(existsSync(join(folder, '..', source)), source);
        else assert.ok(Object.hasOwn(volumes, source), source);
      }
    });
  }

  it('let only the public port of a node leave the machine', () => {
    const { services } = parseDeployed<Compose>('compose.yaml');
    for (const [name, { ports = [] }] of Object.entries(services)) {
      for (const port of ports)
        assert.ok(name === 'node' ? port === '8080:8080' : port.startsWith('127.0.0.1:'));
    }
  });

  it('scrape the node under the job that the rules know', () => {
    const { scrape_configs: jobs } = parseDeployed<{
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    }>('prometheus.yaml');
    assert.deepEqual(
      jobs.map(({ job_name, static_configs }) => [job_name, static_configs[0]?.targets]),
      [['fxn-node', ['node:9090']]],
    );
  });

  it('of NVIDIA change the node of the other and nothing else', () => {
    const { services } = parseDeployed<{ services: Record<string, { build: object }> }>(
      'compose.nvidia.yaml',
    );
    assert.deepEqual(Object.keys(services), ['node']);
    assert.deepEqual(services['node']?.build, { target: 'nvidia' });
  });
});

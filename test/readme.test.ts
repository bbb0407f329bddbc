/** Holds the README to the program: its commands run, its samples load, and the names it lists exist. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { alertRules } from '#src/alerts/alertRules.js';
import { loadConfig } from '#src/config/loadConfig.js';
import { errorCodes } from '#src/errors/codes.js';
import { gatewayKey } from './keys/publicTestKeys.js';
import { temporaryFolder } from './keys/temporaryFolder.js';
import { alerts } from './monitoring/ruleFiles.js';
import { startProviderStand } from './provider/providerStand.js';
import { byProver, serveChallenges } from './verifier/proverServer.js';
import { proverAddress, ScriptedProver } from './verifier/scriptedProver.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The fenced blocks of a language, in order. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1] ?? '');

/** A section's text, by its heading. */
const section = (heading: string): string =>
  readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ??
  assert.fail(`no section ${heading}`);

/** Run elsewhere: by CI itself, by the tests of the demo and of monitoring, by every end-to-end test, and by those of the command. */
const runElsewhere = new Set([
  'sh config/monitoring.sh',
  'npm ci && npm run demo',
  'npm ci && npm run check',
  'npm ci',
  'node dist/main.js',
  'fxn init --yes',
  'fxn start',
  'fxn doctor',
  'fxn status',
]);

/** Beginnings of the names of metrics; what Node.js measures by itself has others. */
const ownPrefixes = ['fxn', 'gen_ai', 'endpoint', 'challenge', 'gpu', 'DCGM'] as const;

describe('the README', () => {
  it('shows commands that work as they stand', async (t) => {
    const folder = await temporaryFolder(t);
    for (const [name, file] of [
      ['fxn', 'fxn.js'],
      ['fxn-keys', 'fxnKeys.js'],
    ] as const) {
      const program = fileURLToPath(import.meta.resolve(`#dist/cli/${file}`));
      writeFileSync(join(folder, name), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
      chmodSync(join(folder, name), 0o755);
    }
    const sample = blocks('yaml');
    writeFileSync(join(folder, 'config.yaml'), sample[0] ?? '');
    writeFileSync(join(folder, 'model_backend.yaml'), sample[1] ?? '');
    const env = { ...process.env, FXN_HOME: folder, PATH: `${folder}:${process.env['PATH']}` };

    let run = 0;
    for (const command of blocks('sh').flatMap((block) => block.trim().split('\n'))) {
      if (runElsewhere.has(command)) continue;
      const { status, stderr } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
      assert.equal(status, 0, `${command}\n${stderr}`);
      run++;
    }
    assert.equal(run, 5);
  });

  it('shows commands for the owner of a provider that work one after the other on a chain', async (t) => {
    const stand = await startProviderStand();
    t.after(() => stand.close());
    const home = await stand.home(t);
    await stand.staking.setEpoch(7n);
    const commands = blocks('shell').flatMap((block) => block.trim().split('\n'));
    assert.equal(commands.length, 6);
    for (const command of commands) {
      const [, words] = /^fxn provider (.*)$/.exec(command) ?? assert.fail(command);
      const split = [...words!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
      const { code, err } = await home.run(...split);
      assert.equal(code, 0, `${command}\n${err}`);
    }
    const status = JSON.parse((await home.run('status', '--json')).out) as {
      providers: { url: string; name: string }[];
    };
    const [provider] = status.providers;
    assert.deepEqual([provider?.url, provider?.name], ['https://gpu.example.com', 'my box']);
  });

  it('names scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = new Set([...readme.matchAll(/npm run ([\w:]+)/g)].map((match) => match[1] ?? ''));
    assert.ok(named.size >= 4);
    for (const name of named) assert.ok(name in scripts, name);
  });

  it('shows configuration that loads', async (t) => {
    const folder = await temporaryFolder(t);
    const [config, modelBackend] = blocks('yaml');
    writeFileSync(join(folder, 'config.yaml'), config ?? '');
    writeFileSync(join(folder, 'model_backend.yaml'), modelBackend ?? '');
    const loaded = loadConfig({ home: folder, env: {} });
    assert.deepEqual(loaded.warnings, []);
    assert.equal(loaded.modelBackends.models[0]?.backends.length, 2);
  });

  it('shows a verifier that works as it stands', async (t) => {
    const folder = await temporaryFolder(t);
    const [sample = ''] = blocks('js');
    const { url } = await serveChallenges(t, byProver(new ScriptedProver()));
    const adapted = sample
      .replaceAll("'./dist/", `'${pathToFileURL(root).href}dist/`)
      .replace(/http:\/\/127\.0\.0\.1:8080/, url)
      .replace(/0x[0-9a-f]{40}/, proverAddress)
      .replace('size: 1024', 'size: 40');
    writeFileSync(join(folder, 'verify.mjs'), adapted);
    writeFileSync(join(folder, 'scheduler.json'), gatewayKey.goFile);
    const { stdout } = await promisify(execFile)(process.execPath, ['verify.mjs'], { cwd: folder });
    assert.match(stdout, /verified: true,\s+reason: null,\s+timeMs: [\d.]+,\s+tops: [\d.e-]+/);
  });

  it('has no place left to fill in', () => {
    assert.doesNotMatch(readme, /^[A-Z]{4,}$|TODO|FIXME|TBD/m);
  });

  it('lists error codes with the status that they have', () => {
    const rows = [...section('Endpoints').matchAll(/^\| ([\d, ]+?)(?: with[^|]*)? \| (.*) \|$/gm)];
    assert.ok(rows.length >= 5);
    for (const [, statuses = '', codes = ''] of rows) {
      for (const [, code = ''] of codes.matchAll(/`(\w+)`/g)) {
        const { status } = errorCodes[code as keyof typeof errorCodes] ?? assert.fail(code);
        assert.ok(statuses.split(', ').includes(String(status)), `${code} has ${status}`);
      }
    }
  });

  it('lists every alert in its place', () => {
    const text = section('Alerts and dashboards');
    const rows = [...text.matchAll(/^\| `(\w+\.yaml)` \| (.*) \| (.*) \|$/gm)].map((match) => match.slice(1));
    const quoted = (cell = ''): string[] => [...cell.matchAll(/`(\w+)`/g)].map((match) => `Fxn${match[1]}`);
    const listed = rows.flatMap(([file, critical, warning]) => [
      ...quoted(critical).map((name) => `${file} critical ${name}`),
      ...quoted(warning).map((name) => `${file} warning ${name}`),
    ]);
    const made = alerts.map(({ file, labels, alert }) => `${file} ${labels['severity']} ${alert}`);
    assert.deepEqual(listed.toSorted(), made.toSorted());

    const seconds = (ms: number): string => `${ms / 1_000} s`;
    assert.deepEqual(
      [...text.matchAll(/^\| `(\w+)` \| .* \| (\d+ s) \| (\d+ s) \|$/gm)].map((match) => match.slice(1)),
      alertRules.map(({ name, holdMs, clearMs }) => [name, seconds(holdMs), seconds(clearMs)]),
    );
  });

  it('lists metrics that exist', () => {
    const folder = join(root, 'src/metrics');
    const source = readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('');
    const name = `((?:${ownPrefixes.join('|')})_\\w+)`;
    const names = [...section('Metrics').matchAll(new RegExp(`\`${name}`, 'g'))].map(
      (match) => match[1] ?? '',
    );
    assert.ok(names.length > 15);
    for (const name of names) assert.ok(source.includes(`'${name}'`), name);
    const made = [...source.matchAll(new RegExp(`'${name}'`, 'g'))].map((match) => match[1] ?? '');
    for (const name of made) assert.ok(names.includes(name), `${name} is not in the README`);
    for (const prefix of ownPrefixes)
      assert.ok(
        made.some((name) => name.startsWith(prefix)),
        prefix,
      );
  });
});

/** The command line as a user types it: the words are parsed for real, and the executables are run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ProgramName, parseCommandLine } from '#src/cli/program.js';
import { gatewayKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

async function misuseOf(line: string, program: ProgramName = 'fxn'): Promise<string> {
  const parsed = await parseCommandLine(program, line === '' ? [] : line.split(' '));
  assert.equal(parsed.kind, 'misuse', line);
  return parsed.kind === 'misuse' ? parsed.text : '';
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

describe('a command line that cannot work', () => {
  const sentences: readonly (readonly [line: string, sentence: RegExp])[] = [
    ['', /^Which command\?$/],
    ['acounts', /^There is no command "acounts"\. Did you mean "accounts"\?$/],
    ['xyzzy', /^There is no command "xyzzy"\.$/],
    ['accounts', /^Which command\?$/],
    ['accounts nwe', /^There is no command "nwe"\. Did you mean "new"\?$/],
    ['account exprt', /Did you mean "export"\?$/],
    ['config chekc', /Did you mean "check"\?$/],
    ['accounts new --plian', /^There is no option "--plian"\. Did you mean "--plain"\?$/],
    ['start --confg=x', /^There is no option "--confg"\. Did you mean "--config"\?$/],
    ['start --hoem x', /Did you mean "--home"\?$/],
    ['start now', /^One word too many: "now"\.$/],
    ['provider regster', /^There is no command "regster"\. Did you mean "register"\?$/],
    ['provider register --unsgined', /Did you mean "--unsigned"\?$/],
    ['provider claim', /^Missing required argument: from-epoch$/],
    ['doctor --no-pulbic', /Did you mean "--no-public"\?$/],
    ['send', /^Something is missing: fxn send <path> \[body\]$/],
    ['send /v1/models --key', /^--key needs a value\.$/],
    ['send /v1/models --scheme v3', /Choices: "legacy", "rfc9421"$/],
    ['send /v1/models -Z', /^There is no option "-Z"\.$/],
  ];
  for (const [line, sentence] of sentences) {
    test(`fxn ${line}`, async () => assert.match(lastLine(await misuseOf(line)), sentence));
  }

  test('shows the help of the command that was reached', async () => {
    assert.match(await misuseOf('accounts new --plian'), /^fxn accounts new\n/);
    assert.match(await misuseOf('nwe', 'fxn-keys'), /^fxn-keys <command>\n/);
  });

  test('does not repeat a private key', async () => {
    const text = await misuseOf(`accounts new 0x${gatewayKey.privateKeyHex}`);
    assert.doesNotMatch(text, new RegExp(gatewayKey.privateKeyHex));
    assert.match(lastLine(text), /^One word too many/);
  });
});

describe('help', () => {
  test('lists every command', async () => {
    const parsed = await parseCommandLine('fxn', ['--help']);
    assert.equal(parsed.kind, 'text');
    const text = parsed.kind === 'text' ? parsed.text : '';
    for (const command of [
      'init',
      'start',
      'doctor',
      'status',
      'accounts',
      'config',
      'provider',
      'send <path> [body]',
    ]) {
      assert.ok(text.includes(`  fxn ${command} `), command);
    }
  });

  test('is there for each command', async () => {
    const lines = [
      'init',
      'doctor',
      'status',
      'start',
      'accounts',
      'accounts new',
      'accounts import',
      'config check',
      'send',
    ];
    for (const line of [...lines, 'provider', 'provider register', 'provider status', 'provider claim']) {
      const parsed = await parseCommandLine('fxn', [...line.split(' '), '--help']);
      assert.equal(parsed.kind, 'text', line);
      assert.ok(parsed.kind === 'text' && parsed.text.startsWith(`fxn ${line}`), line);
    }
  });
});

const entry = (name: string): string => fileURLToPath(import.meta.resolve(`#dist/${name}.js`));

function run(
  name: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry(name), ...args], {
    encoding: 'utf8',
    input: options.input ?? '',
    env: { ...process.env, FXN_KEY_PASSWORD: '', ...options.env },
  });
  return { status, stdout, stderr };
}

describe('the executables', () => {
  test('carry the line that makes them executable', () => {
    for (const name of ['cli/fxn', 'cli/fxnKeys']) {
      assert.match(readFileSync(entry(name), 'utf8'), /^#!\/usr\/bin\/env node\n/);
    }
  });

  test('fxn --version prints the version of the package', () => {
    const file = new URL('../../../package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    assert.deepEqual(run('cli/fxn', ['--version']), { status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('fxn-keys new and fxn accounts get work on the same home', async (t) => {
    const home = join(await temporaryFolder(t), 'home');
    const made = run('cli/fxnKeys', ['new', '--plain', '--home', home]);
    assert.equal(made.status, 0, made.stderr);
    const shown = run('cli/fxn', ['account', 'get'], { env: { FXN_HOME: home } });
    assert.equal(shown.status, 0, shown.stderr);
    assert.equal(shown.stdout.split('\n')[0], made.stdout.split('\n')[0]);
  });

  test('fxn accounts import takes a key from standard input', async (t) => {
    const home = join(await temporaryFolder(t), 'home');
    const input = `${gatewayKey.privateKeyHex}\n`;
    const imported = run('cli/fxn', ['accounts', 'import', '-', '--plain', '--home', home], { input });
    assert.equal(imported.status, 0, imported.stderr);
    assert.ok(imported.stdout.includes(gatewayKey.checksumAddress));
  });

  test('a command called wrongly ends with 2 and no stack', async (t) => {
    const home = join(await temporaryFolder(t), 'home');
    const wrong = [
      ['frobnicate'],
      ['accounts', 'new', '--home', home],
      ['config', 'check', '--home', home],
      ['send', 'v1/models'],
      ['send', '/v1/models', '--home', home],
    ];
    for (const args of wrong) {
      const { status, stderr } = run('cli/fxn', args);
      assert.equal(status, 2, args.join(' '));
      assert.notEqual(stderr, '', args.join(' '));
      assert.doesNotMatch(stderr, /^\s+at /m, args.join(' '));
    }
    assert.equal(existsSync(home), false);
  });

  test('a start in a home that cannot be made ends with 2 and one line on standard error', async (t) => {
    const file = join(await temporaryFolder(t), 'file');
    writeFileSync(file, '');
    const { status, stderr, stdout } = run('main', ['--home', join(file, 'home')]);
    assert.equal(status, 2);
    assert.match(stderr, /^The home folder .*\/file\/home .*--home or FXN_HOME\.\n$/);
    assert.match(stdout, /"code":"config_invalid"/);
  });

  test('node dist/main.js is fxn start and knows its options', () => {
    const { status, stderr } = run('main', ['--model-bakend', 'x']);
    assert.equal(status, 2);
    assert.match(stderr, /^fxn start\n/);
    assert.match(stderr, /Did you mean "--model-backend"\?\n$/);
  });
});

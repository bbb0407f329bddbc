import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { accountsExport, accountsGet, accountsImport, accountsList, accountsNew } from '#src/cli/accounts.js';
import { SecretAborted } from '#src/cli/askSecret.js';
import type { CliIo } from '#src/cli/cliIo.js';
import { readKeyFile } from '#src/keys/keyFile.js';
import { shortKeyPassword, shortKeyVectors } from '#test/keys/keystoreVectors.js';
import { gatewayKey, schedulerKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

const scryptCost = { n: 2, r: 8, p: 1 };

interface Terminal {
  /** Answers to the hidden questions, in order; absent: there is no terminal. */
  readonly answers?: readonly string[];
  readonly env?: Record<string, string>;
  readonly stdin?: string;
}

/** A home folder and a way to run commands in it that keeps what they print and ask. */
async function atHome(t: TestContext, { answers, env = {}, stdin }: Terminal = {}) {
  const folder = await temporaryFolder(t);
  const printed = { out: '', err: '', prompts: [] as string[] };
  const io: CliIo = {
    out: (text) => {
      printed.out += `${text}\n`;
    },
    err: (text) => {
      printed.err += `${text}\n`;
    },
    askSecret:
      answers && (async (prompt) => answers[printed.prompts.push(prompt) - 1] ?? assert.fail(prompt)),
    env,
    readStdin: stdin === undefined ? undefined : async () => stdin,
  };
  const file = async (name: string, content: string) => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const home = join(folder, 'home');
  return { home, options: { home, scryptCost }, io, printed, file, keyPath: join(home, 'nodekey.json') };
}

const addressIn = (text: string): string => /^address: (0x[0-9a-fA-F]{40})$/m.exec(text)?.[1] ?? '';

describe('fxn accounts new', () => {
  test('asks twice on a terminal, writes an encrypted key and prints address and file only', async (t) => {
    const { options, io, printed, keyPath } = await atHome(t, { answers: ['secret', 'secret'] });
    assert.equal(await accountsNew(options, io), 0);
    const key = await readKeyFile(keyPath, 'secret');
    assert.equal(printed.out, `address: ${key.checksumAddress}\nfile:    ${keyPath}\n`);
    assert.equal(printed.err, '');
    assert.equal(printed.prompts.length, 2);
    assert.equal((await stat(keyPath)).mode & 0o777, 0o600);
  });

  test('takes the password from a file before the environment before the terminal', async (t) => {
    const inFile = await atHome(t, { env: { FXN_KEY_PASSWORD: 'env' }, answers: [] });
    const passwordFile = await inFile.file('password', 'file\n');
    assert.equal(await accountsNew({ ...inFile.options, passwordFile }, inFile.io), 0);
    await readKeyFile(inFile.keyPath, 'file');

    const inEnv = await atHome(t, { env: { FXN_KEY_PASSWORD: 'env' }, answers: [] });
    assert.equal(await accountsNew(inEnv.options, inEnv.io), 0);
    await readKeyFile(inEnv.keyPath, 'env');

    const emptyEnv = await atHome(t, { env: { FXN_KEY_PASSWORD: '' }, answers: ['tty', 'tty'] });
    assert.equal(await accountsNew(emptyEnv.options, emptyEnv.io), 0);
    await readKeyFile(emptyEnv.keyPath, 'tty');
  });

  test('with --plain writes the Go format, warns, and asks nothing', async (t) => {
    const { options, io, printed, keyPath } = await atHome(t, { answers: [] });
    assert.equal(await accountsNew({ ...options, plain: true }, io), 0);
    const file = JSON.parse(await readFile(keyPath, 'utf8')) as Record<string, string>;
    assert.deepEqual(Object.keys(file), ['public_key', 'address', 'private_key']);
    assert.equal(addressIn(printed.out), file['address']);
    assert.match(printed.err, /not encrypted/);
    assert.ok(!(printed.out + printed.err).includes(file['private_key']!));
  });

  test('without terminal, password and --plain ends with 2, says how, and writes nothing', async (t) => {
    const { options, io, printed, home } = await atHome(t);
    assert.equal(await accountsNew(options, io), 2);
    for (const way of ['--password-file', 'FXN_KEY_PASSWORD', '--plain'])
      assert.ok(printed.err.includes(way));
    await assert.rejects(stat(home), { code: 'ENOENT' });
  });

  test('refuses an empty password, two that differ, and a password for a plain key', async (t) => {
    for (const answers of [[''], ['one', 'two']]) {
      const { options, io, home } = await atHome(t, { answers });
      assert.equal(await accountsNew(options, io), 2);
      await assert.rejects(stat(home), { code: 'ENOENT' });
    }
    const { options, io, file } = await atHome(t);
    const passwordFile = await file('password', 'x');
    assert.equal(await accountsNew({ ...options, plain: true, passwordFile }, io), 2);
  });

  test('ends with 2 when the password file is missing or empty, and says what names it', async (t) => {
    const { options, io, file, printed } = await atHome(t);
    assert.equal(await accountsNew({ ...options, passwordFile: await file('empty', '\n') }, io), 2);
    assert.equal(await accountsNew({ ...options, passwordFile: '/nowhere/password' }, io), 2);
    assert.match(printed.err, /\/nowhere\/password: .*--password-file/);
    assert.doesNotMatch(printed.err, /accounts new/);
  });

  test('warns of a password file that others may read', async (t) => {
    const { options, io, file, printed } = await atHome(t);
    const passwordFile = await file('password', 'x');
    await chmod(passwordFile, 0o644);
    assert.equal(await accountsNew({ ...options, passwordFile }, io), 0);
    assert.ok(printed.err.includes(passwordFile) && printed.err.includes('chmod 600'), printed.err);
  });

  test('never overwrites a key and asks for no password in vain', async (t) => {
    const { options, io, printed, keyPath } = await atHome(t, { answers: [] });
    assert.equal(await accountsNew({ ...options, plain: true }, io), 0);
    const before = await readFile(keyPath, 'utf8');
    assert.equal(await accountsNew({ ...options, plain: true }, io), 1);
    assert.equal(await accountsNew(options, io), 1);
    assert.equal(await readFile(keyPath, 'utf8'), before);
    assert.ok(printed.err.includes(keyPath));
    assert.deepEqual(printed.prompts, []);
  });

  test('--name puts the key under keys/', async (t) => {
    const { options, io, printed, home } = await atHome(t);
    assert.equal(await accountsNew({ ...options, plain: true, name: 'gpu-1.b_2' }, io), 0);
    assert.deepEqual(await readdir(join(home, 'keys')), ['gpu-1.b_2.json']);
    assert.ok(printed.out.includes(join(home, 'keys', 'gpu-1.b_2.json')));
  });

  test('refuses names that leave the folder, hide, or are none', async (t) => {
    const names = [
      '',
      '.',
      '..',
      '.hidden',
      '../x',
      'a/b',
      'a\\b',
      '/etc/x',
      'a b',
      'a\0',
      'ä',
      'x'.repeat(65),
    ];
    const { options, io, home } = await atHome(t);
    for (const name of names) {
      assert.equal(await accountsNew({ ...options, plain: true, name }, io), 2, JSON.stringify(name));
    }
    await assert.rejects(stat(home), { code: 'ENOENT' });
  });

  test('Ctrl-C at the question ends with 130 and writes nothing', async (t) => {
    const { options, io, home } = await atHome(t);
    const askSecret = () => Promise.reject(new SecretAborted());
    assert.equal(await accountsNew(options, { ...io, askSecret }), 130);
    await assert.rejects(stat(home), { code: 'ENOENT' });
  });
});

describe('fxn accounts get and list', () => {
  test('get shows address, file and format without asking for the password', async (t) => {
    const { options, io, printed, keyPath } = await atHome(t, { answers: ['p', 'p'] });
    await accountsNew(options, io);
    const address = addressIn(printed.out);
    printed.out = '';
    assert.equal(await accountsGet(options, io), 0);
    assert.equal(printed.out, `address: ${address}\nfile:    ${keyPath}\nformat:  encrypted\n`);
    assert.equal(printed.prompts.length, 2);
  });

  test('get asks for the password of a keystore that keeps its address to itself', async (t) => {
    const { options, io, printed, home, keyPath } = await atHome(t, { answers: [shortKeyPassword, 'wrong'] });
    await mkdir(home);
    await writeFile(keyPath, JSON.stringify(shortKeyVectors[0]!.file), { mode: 0o600 });
    assert.equal(await accountsGet(options, io), 0);
    assert.equal(
      addressIn(printed.out).toLowerCase(),
      (await readKeyFile(keyPath, shortKeyPassword)).address,
    );
    assert.equal(await accountsGet(options, io), 2);
    assert.match(printed.err, /password is wrong/);
    assert.equal(await accountsGet(options, { ...io, askSecret: undefined }), 2);
  });

  test('get of no key ends with 2 and says how to make one', async (t) => {
    const { options, io, printed, keyPath } = await atHome(t);
    assert.equal(await accountsGet(options, io), 2);
    assert.ok(printed.err.includes(keyPath) && printed.err.includes('fxn accounts new'));
  });

  test('list shows all keys, the bad ones as errors, and skips what is no key', async (t) => {
    const { options, io, printed, home } = await atHome(t, { env: { FXN_KEY_PASSWORD: 'p' } });
    assert.equal(await accountsList(options, io), 0);
    assert.match(printed.err, /no keys/);
    await accountsNew({ ...options, name: 'b' }, io);
    await accountsNew({ ...options, name: 'a', plain: true }, io);
    await accountsNew(options, io);
    const keys = join(home, 'keys');
    await writeFile(join(keys, '.a.json.0011.tmp'), 'x');
    await writeFile(join(keys, 'notes.txt'), 'x');
    printed.out = '';
    assert.equal(await accountsList(options, io), 0);
    const row = /^0x[0-9a-fA-F]{40} {2}(\S+) +(\S+)$/;
    const rows = printed.out
      .trimEnd()
      .split('\n')
      .map((line) => row.exec(line)?.slice(1));
    assert.deepEqual(rows, [
      ['encrypted', 'nodekey.json'],
      ['plain', join('keys', 'a.json')],
      ['encrypted', join('keys', 'b.json')],
    ]);

    await writeFile(join(keys, 'aa.json'), '{}', { mode: 0o600 });
    printed.out = '';
    printed.err = '';
    assert.equal(await accountsList(options, io), 2);
    assert.equal(printed.out.trimEnd().split('\n').length, 3);
    assert.ok(printed.err.includes(join(keys, 'aa.json')));
  });

  test('list ends with 2 when the folder of keys is a file', async (t) => {
    const { options, io, home } = await atHome(t);
    await mkdir(home);
    await writeFile(join(home, 'keys'), '');
    assert.equal(await accountsList(options, io), 2);
  });
});

describe('fxn accounts import', () => {
  const goFile = gatewayKey.goFile;
  const keystore = JSON.stringify(shortKeyVectors[0]!.file);

  test('takes bare hex, a Go file or a keystore, from a file or standard input', async (t) => {
    for (const text of [`0x${gatewayKey.privateKeyHex}\n`, `  ${gatewayKey.privateKeyHex}`, goFile]) {
      const piped = await atHome(t, { stdin: text });
      assert.equal(await accountsImport({ ...piped.options, plain: true }, piped.io), 0);
      assert.equal(addressIn(piped.printed.out), gatewayKey.checksumAddress);

      const filed = await atHome(t, { env: { FXN_KEY_PASSWORD: 'new' } });
      const from = await filed.file('source', text);
      assert.equal(await accountsImport({ ...filed.options, from, name: 'n' }, filed.io), 0);
      const key = await readKeyFile(join(filed.home, 'keys', 'n.json'), 'new');
      assert.equal(key.checksumAddress, gatewayKey.checksumAddress);
      assert.ok(!(filed.printed.out + filed.printed.err).includes(gatewayKey.privateKeyHex));
    }
  });

  test('opens a keystore with its own password and stores it with the new one', async (t) => {
    const home = await atHome(t, { env: { FXN_KEY_PASSWORD: 'new' } });
    const from = await home.file('source', keystore);
    const sourcePasswordFile = await home.file('password', `${shortKeyPassword}\n`);
    assert.equal(await accountsImport({ ...home.options, from, sourcePasswordFile }, home.io), 0);
    const key = await readKeyFile(home.keyPath, 'new');
    assert.equal(key.address, (await readKeyFile(from, shortKeyPassword)).address);
  });

  test('uses one password for both when no other is given and nobody can be asked', async (t) => {
    const home = await atHome(t, { env: { FXN_KEY_PASSWORD: shortKeyPassword } });
    const from = await home.file('source', keystore);
    assert.equal(await accountsImport({ ...home.options, from }, home.io), 0);
    await readKeyFile(home.keyPath, shortKeyPassword);
  });

  test('asks for the old password and twice for the new one on a terminal', async (t) => {
    const home = await atHome(t, { answers: [shortKeyPassword, 'new', 'new'] });
    const from = await home.file('source', keystore);
    assert.equal(await accountsImport({ ...home.options, from }, home.io), 0);
    await readKeyFile(home.keyPath, 'new');
  });

  test('takes the key itself from hidden input when nothing is named', async (t) => {
    const { options, io, printed } = await atHome(t, { answers: [gatewayKey.privateKeyHex] });
    assert.equal(await accountsImport({ ...options, plain: true }, io), 0);
    assert.equal(addressIn(printed.out), gatewayKey.checksumAddress);
  });

  test('says what was mistyped on a terminal without repeating it', async (t) => {
    const typed = gatewayKey.privateKeyHex.slice(1);
    const { options, io, printed, home } = await atHome(t, { answers: [typed] });
    assert.equal(await accountsImport({ ...options, plain: true }, io), 2);
    assert.match(printed.err, /not 64 hex digits/);
    assert.ok(!printed.err.includes(typed));
    await assert.rejects(stat(home), { code: 'ENOENT' });
  });

  test('refuses a key among the arguments without repeating it', async (t) => {
    const { options, io, printed, home } = await atHome(t);
    for (const from of [gatewayKey.privateKeyHex, `0x${gatewayKey.privateKeyHex}`]) {
      assert.equal(await accountsImport({ ...options, plain: true, from }, io), 2);
    }
    assert.ok(!printed.err.includes(gatewayKey.privateKeyHex));
    await assert.rejects(stat(home), { code: 'ENOENT' });
  });

  test('ends with 2 for a bad source, naming it, and writes nothing', async (t) => {
    const { options, io, printed, file, home } = await atHome(t, { env: { FXN_KEY_PASSWORD: 'wrong' } });
    const sources = ['/nowhere/key', await file('k', keystore), await file('g', goFile.slice(1))];
    for (const from of sources) {
      printed.err = '';
      assert.equal(await accountsImport({ ...options, from }, io), 2);
      assert.ok(printed.err.startsWith(`${from}: `), printed.err);
      assert.ok(!printed.err.includes(gatewayKey.privateKeyHex.slice(0, 12)));
    }
    const zero = { ...io, readStdin: async () => '0'.repeat(64) };
    assert.equal(await accountsImport({ ...options, from: '-' }, zero), 2);
    assert.equal(await accountsImport(options, io), 2);
    await assert.rejects(stat(home), { code: 'ENOENT' });
  });

  test('never overwrites a key', async (t) => {
    const { options, io, keyPath } = await atHome(t, { stdin: gatewayKey.privateKeyHex });
    assert.equal(await accountsImport({ ...options, plain: true }, io), 0);
    const other = { ...io, readStdin: async () => schedulerKey.privateKeyHex };
    assert.equal(await accountsImport({ ...options, plain: true }, other), 2);
    assert.equal((await readKeyFile(keyPath, undefined)).checksumAddress, gatewayKey.checksumAddress);
  });
});

describe('fxn accounts export', () => {
  async function atHomeWithKey(t: TestContext, terminal: Terminal) {
    const home = await atHome(t, terminal);
    const store = { ...home.io, env: { FXN_KEY_PASSWORD: 'old' }, readStdin: async () => gatewayKey.goFile };
    assert.equal(await accountsImport({ ...home.options, from: '-' }, { ...store, askSecret: undefined }), 0);
    home.printed.out = '';
    return home;
  }

  test('re-encrypts with a new password to standard output', async (t) => {
    const home = await atHomeWithKey(t, { answers: ['old', 'new', 'new'] });
    assert.equal(await accountsExport(home.options, home.io), 0);
    const exported = await home.file('exported', home.printed.out);
    assert.equal((await readKeyFile(exported, 'new')).checksumAddress, gatewayKey.checksumAddress);
    await assert.rejects(readKeyFile(exported, 'old'), { code: 'key_file' });
  });

  test('writes to a file that must not exist, with no terminal needed', async (t) => {
    const home = await atHomeWithKey(t, { env: { FXN_KEY_PASSWORD: 'old' } });
    const newPasswordFile = await home.file('password', 'new');
    const out = join(home.home, 'backup', 'key.json');
    assert.equal(await accountsExport({ ...home.options, newPasswordFile, out }, home.io), 0);
    assert.equal((await readKeyFile(out, 'new')).checksumAddress, gatewayKey.checksumAddress);
    assert.equal((await stat(out)).mode & 0o777, 0o600);
    assert.equal(await accountsExport({ ...home.options, newPasswordFile, out }, home.io), 2);
    assert.ok(!home.printed.out.includes('crypto'));
  });

  test('prints a plain key after the words or with --yes, and not otherwise', async (t) => {
    const confirmed = await atHomeWithKey(t, { answers: ['print the private key', 'old'] });
    assert.equal(await accountsExport({ ...confirmed.options, plain: true }, confirmed.io), 0);
    assert.equal(confirmed.printed.out, `${gatewayKey.goFile}\n`);

    const declined = await atHomeWithKey(t, { answers: ['y'] });
    assert.equal(await accountsExport({ ...declined.options, plain: true }, declined.io), 2);
    const unattended = await atHomeWithKey(t, { env: { FXN_KEY_PASSWORD: 'old' } });
    assert.equal(await accountsExport({ ...unattended.options, plain: true }, unattended.io), 2);
    for (const { printed } of [declined, unattended]) {
      assert.ok(!(printed.out + printed.err).includes(gatewayKey.privateKeyHex));
    }
    assert.equal(await accountsExport({ ...unattended.options, plain: true, yes: true }, unattended.io), 0);
    assert.equal(unattended.printed.out, `${gatewayKey.goFile}\n`);
  });

  test('ends with 2 without a new password and for a wrong old one', async (t) => {
    const home = await atHomeWithKey(t, { env: { FXN_KEY_PASSWORD: 'old' } });
    assert.equal(await accountsExport(home.options, home.io), 2);
    assert.match(home.printed.err, /--new-password-file/);
    const wrong = { ...home.io, env: { FXN_KEY_PASSWORD: 'wrong' } };
    assert.equal(await accountsExport({ ...home.options, plain: true, yes: true }, wrong), 2);
    assert.equal(await accountsExport(home.options, { ...home.io, env: {} }), 2);
    const newPasswordFile = await home.file('password', 'new');
    assert.equal(await accountsExport({ ...home.options, plain: true, newPasswordFile }, home.io), 2);
    assert.equal(home.printed.out, '');
  });
});

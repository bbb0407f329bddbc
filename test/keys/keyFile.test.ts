import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import { NodeError } from '#src/errors/nodeError.js';
import { openKeyFile, readKeyFile, writeKeyFile } from '#src/keys/keyFile.js';
import { keyFileProblem } from '#src/keys/keyFileError.js';
import { generatePrivateKey } from '#src/keys/nodeKey.js';
import { readPasswordFile } from '#src/keys/passwordFile.js';
import { shortKeyPassword, shortKeyVectors } from './keystoreVectors.js';
import { bytesOf, gatewayKey, schedulerKey } from './publicTestKeys.js';
import { temporaryFolder } from './temporaryFolder.js';

const scryptCost = { n: 2, r: 8, p: 1 };
const privateKey = bytesOf(gatewayKey.privateKeyHex);
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

async function keyFileHolding(t: TestContext, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(t), 'nodekey.json');
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** The error of a call that must fail, after checking that it names the file and tells no secret. */
async function failure(path: string, call: Promise<unknown>): Promise<NodeError> {
  const thrown = await call.then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof NodeError);
  assert.equal(thrown.code, 'key_file');
  assert.ok(thrown.message.startsWith(`${path}: `), thrown.message);
  assert.equal(thrown.message.split(path).length, 2, 'the file is named once');
  const all = inspect(thrown, { depth: null, showHidden: true }) + JSON.stringify(thrown.toData());
  assert.ok(!all.includes(gatewayKey.privateKeyHex.slice(0, 12)));
  return thrown;
}

describe('writing a key file', () => {
  test('makes the file the owner alone can read, and the folder too', async (t) => {
    const home = join(await temporaryFolder(t), 'deep', 'home');
    const path = join(home, 'nodekey.json');
    const umask = process.umask(0);
    try {
      const key = await writeKeyFile(path, privateKey);
      assert.equal(key.checksumAddress, gatewayKey.checksumAddress);
    } finally {
      process.umask(umask);
    }
    assert.equal(await modeOf(path), 0o600);
    assert.equal(await modeOf(home), 0o700);
    assert.deepEqual(await readdir(home), ['nodekey.json']);
  });

  test('without a password writes what the Go node reads', async (t) => {
    const path = join(await temporaryFolder(t), 'nodekey.json');
    await writeKeyFile(path, privateKey);
    assert.equal(await readFile(path, 'utf8'), `${gatewayKey.goFile}\n`);
    assert.equal((await readKeyFile(path, undefined)).checksumAddress, gatewayKey.checksumAddress);
  });

  test('with a password writes no trace of the key, and reads it back', async (t) => {
    const path = join(await temporaryFolder(t), 'nodekey.json');
    await writeKeyFile(path, privateKey, { password: 'correct horse', scryptCost });
    const text = await readFile(path, 'utf8');
    assert.ok(!text.includes(gatewayKey.privateKeyHex) && !text.includes('correct horse'));
    const key = await readKeyFile(path, 'correct horse');
    assert.equal(key.checksumAddress, gatewayKey.checksumAddress);
  });

  test('never overwrites: not a key, not a link, not an empty file', async (t) => {
    const folder = await temporaryFolder(t);
    const names = ['key', 'dangling', 'empty'].map((name) => join(folder, name));
    const [key = '', dangling = '', empty = ''] = names;
    await writeKeyFile(key, privateKey);
    await symlink(join(folder, 'nowhere'), dangling);
    await writeFile(empty, '');
    for (const path of names) {
      const error = await failure(path, writeKeyFile(path, bytesOf(schedulerKey.privateKeyHex)));
      assert.equal(keyFileProblem(error), 'exists');
    }
    assert.equal((await readKeyFile(key, undefined)).checksumAddress, gatewayKey.checksumAddress);
    assert.equal(await readFile(empty, 'utf8'), '');
    assert.deepEqual((await readdir(folder)).sort(), ['dangling', 'empty', 'key']);
  });

  test('lets exactly one of many racing writers win', async (t) => {
    const path = join(await temporaryFolder(t), 'nodekey.json');
    const writers = Array.from({ length: 8 }, (_, at) =>
      writeKeyFile(path, generatePrivateKey(), at % 2 === 0 ? {} : { password: 'p', scryptCost }),
    );
    const results = await Promise.allSettled(writers);
    const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const losers = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    assert.equal(winners.length, 1);
    assert.deepEqual(losers.map(keyFileProblem), Array(7).fill('exists'));
    assert.equal((await readKeyFile(path, 'p')).address, winners[0]?.address);
  });

  test('lets exactly one of two racing processes win', async (t) => {
    const path = join(await temporaryFolder(t), 'nodekey.json');
    const module = import.meta.resolve('#src/keys/keyFile.js');
    const script = `
      const { writeKeyFile } = await import(${JSON.stringify(module)});
      const key = new Uint8Array(32).fill(Number(process.argv[1]));
      try { console.log((await writeKeyFile(${JSON.stringify(path)}, key)).address); }
      catch (error) { console.log(error.meta.problem); }`;
    const run = promisify(execFile);
    const outputs = await Promise.all(
      ['1', '2'].map((fill) =>
        run(process.execPath, ['--input-type=module', '--eval', script, fill], { cwd: process.cwd() }),
      ),
    );
    const lines = outputs.map(({ stdout }) => stdout.trim()).sort();
    assert.equal(lines[1], 'exists');
    assert.equal((await readKeyFile(path, undefined)).address, lines[0]);
  });

  test('refuses an empty password and a key out of range, and writes nothing', async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'nodekey.json');
    const empty = await failure(path, writeKeyFile(path, privateKey, { password: '' }));
    assert.equal(keyFileProblem(empty), 'password_needed');
    const zero = await failure(path, writeKeyFile(path, new Uint8Array(32)));
    assert.equal(keyFileProblem(zero), 'invalid_key');
    assert.deepEqual(await readdir(folder), []);
  });

  test('says why when the folder cannot be made', async (t) => {
    const file = await keyFileHolding(t, '');
    const path = join(file, 'below', 'nodekey.json');
    const error = await failure(path, writeKeyFile(path, privateKey));
    assert.equal(keyFileProblem(error), 'unwritable');
    assert.match(error.message, /ENOTDIR/);
  });
});

describe('reading a key file', () => {
  const encrypted = JSON.stringify(shortKeyVectors[0]!.file);

  test('finds out the format by itself, also behind a link and a byte order mark', async (t) => {
    const plain = await keyFileHolding(t, `\uFEFF${gatewayKey.goFile}`);
    assert.equal((await readKeyFile(plain, undefined)).checksumAddress, gatewayKey.checksumAddress);
    const keystore = await keyFileHolding(t, encrypted);
    await symlink(keystore, `${keystore}.link`);
    const key = await readKeyFile(`${keystore}.link`, shortKeyPassword);
    assert.match(key.address, /^0x[0-9a-f]{40}$/);
  });

  test('warns when others have rights on the file, and still reads it', async (t) => {
    const path = await keyFileHolding(t, gatewayKey.goFile);
    const warnings: string[] = [];
    await readKeyFile(path, undefined, (message) => warnings.push(message));
    assert.equal(warnings.length, 0);
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(path, mode);
      await readKeyFile(path, undefined, (message) => warnings.push(message));
    }
    assert.equal(warnings.length, 3);
    assert.ok(warnings.every((warning) => warning.includes(path) && warning.includes('chmod 600')));
  });

  const contents: [
    what: string,
    content: string | Uint8Array,
    password: string | undefined,
    problem: string,
  ][] = [
    ['an empty file', '', undefined, 'not_json'],
    ['a bare key', gatewayKey.privateKeyHex, undefined, 'not_json'],
    ['broken JSON around the key', `{"private_key": ${gatewayKey.privateKeyHex}}`, undefined, 'not_json'],
    ['a cut-off file', gatewayKey.goFile.slice(0, -3), undefined, 'not_json'],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe, 0x00), undefined, 'not_json'],
    ['deeply nested JSON', '['.repeat(60_000), undefined, 'not_json'],
    ['a list', '[]', undefined, 'unknown_format'],
    ['null', 'null', undefined, 'unknown_format'],
    ['an object of something else', '{"keys": 1}', undefined, 'unknown_format'],
    ['a keystore of another version', encrypted.replace('"version":3', '"version":1'), 'x', 'unknown_format'],
    ['a file over 64 KiB', gatewayKey.goFile.padEnd(65_537), undefined, 'too_large'],
    ['a keystore without a password', encrypted, undefined, 'password_needed'],
    ['a wrong password', encrypted, `${shortKeyPassword} `, 'wrong_password'],
    ['hostile parameters', encrypted.replace('"n":2', '"n":1073741824'), 'x', 'hostile_parameters'],
    [
      'an address of another key',
      gatewayKey.goFile.replace(gatewayKey.checksumAddress, schedulerKey.checksumAddress),
      undefined,
      'mismatch',
    ],
  ];
  for (const [what, content, password, problem] of contents) {
    test(`refuses ${what}, naming the file and repeating none of it`, async (t) => {
      const path = await keyFileHolding(t, content);
      const error = await failure(path, readKeyFile(path, password));
      assert.equal(keyFileProblem(error), problem);
    });
  }

  test('accepts a file of exactly 64 KiB', async (t) => {
    const path = await keyFileHolding(t, gatewayKey.goFile.padEnd(65_536));
    assert.equal((await readKeyFile(path, undefined)).checksumAddress, gatewayKey.checksumAddress);
  });

  test('tells a missing file and how to make one', async (t) => {
    const path = join(await temporaryFolder(t), 'nodekey.json');
    const error = await failure(path, readKeyFile(path, undefined));
    assert.equal(keyFileProblem(error), 'missing');
    assert.match(error.message, /fxn accounts new/);
  });

  test('refuses a folder, a device and a pipe that nobody writes to', async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, 'folder'));
    await promisify(execFile)('mkfifo', [join(folder, 'pipe')]);
    for (const path of [join(folder, 'folder'), join(folder, 'pipe'), '/dev/zero']) {
      const error = await failure(path, readKeyFile(path, undefined));
      assert.equal(keyFileProblem(error), 'unreadable');
    }
  });

  test('tells a loop of links from a missing file', async (t) => {
    const path = join(await temporaryFolder(t), 'loop');
    await symlink(path, path);
    const error = await failure(path, readKeyFile(path, undefined));
    assert.equal(keyFileProblem(error), 'unreadable');
    assert.match(error.message, /ELOOP/);
  });

  test('an opened file shows no secret to an inspector', async (t) => {
    const path = await keyFileHolding(t, gatewayKey.goFile);
    const opened = await openKeyFile(path);
    assert.equal(opened.format, 'plain');
    assert.equal(opened.address, gatewayKey.checksumAddress.toLowerCase());
    const shown = inspect(opened, { depth: null, showHidden: true }) + JSON.stringify(opened);
    assert.ok(!shown.includes(gatewayKey.privateKeyHex));
  });
});

describe('reading a password file', () => {
  test('strips one newline at the end and nothing else', async (t) => {
    const written = ['pass', 'pass\n', 'pass\r\n', ' pass \n', 'pass\n\n', 'päss\tword'];
    const read = ['pass', 'pass', 'pass', ' pass ', 'pass\n', 'päss\tword'];
    for (const [at, content] of written.entries()) {
      const path = await keyFileHolding(t, content);
      assert.equal(await readPasswordFile(path), read[at]);
    }
  });

  test('refuses an empty one and a missing one by name', async (t) => {
    const empty = await keyFileHolding(t, '\n');
    assert.equal(keyFileProblem(await failure(empty, readPasswordFile(empty))), 'password_file');
    const missing = `${empty}.not`;
    const error = await failure(missing, readPasswordFile(missing));
    assert.equal(keyFileProblem(error), 'password_file');
    assert.match(error.message, /keys\.passwordFile or --password-file/);
  });

  test('warns when others may read it', async (t) => {
    const path = await keyFileHolding(t, 'pass');
    const warnings: string[] = [];
    const read = () => readPasswordFile(path, (warning) => warnings.push(warning));
    await chmod(path, 0o600);
    await read();
    assert.deepEqual(warnings, []);
    await chmod(path, 0o640);
    await read();
    const text = warnings.join('\n');
    assert.ok(text.includes(path) && text.includes('chmod 600'));
  });
});

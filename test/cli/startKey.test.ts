/** The key of a start: what is asked, what is written and what is said when nobody can be asked. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { prepareStartKey, type StartKeySurroundings } from '#src/cli/startKey.js';
import { writeKeyFile } from '#src/keys/keyFile.js';
import { bytesOf, gatewayKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

async function encryptedKey(t: TestContext) {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'nodekey.json');
  const scryptCost = { n: 2, r: 8, p: 1 };
  await writeKeyFile(file, bytesOf(gatewayKey.privateKeyHex), { password: 'secret', scryptCost });
  const logged: object[] = [];
  const log = {
    info: () => undefined,
    warn: (fields: object) => void logged.push(fields),
  } as unknown as StartKeySurroundings['log'];
  return { folder, file, log, logged };
}

test('an encrypted key is asked for on a terminal when no password is configured', async (t) => {
  const { file, log } = await encryptedKey(t);
  const prompts: string[] = [];
  const askSecret = async (prompt: string): Promise<string> => {
    prompts.push(prompt);
    return 'secret';
  };
  const open = await prepareStartKey({ file, passwordFile: '' }, { env: {}, askSecret, log });
  assert.deepEqual(prompts, [`Password of ${file}: `]);
  assert.equal((await open()).checksumAddress, gatewayKey.checksumAddress);
});

test('without a terminal the error names the setting and the variable, and no option that start lacks', async (t) => {
  const { file, log } = await encryptedKey(t);
  await assert.rejects(prepareStartKey({ file, passwordFile: '' }, { env: {}, log }), (thrown: Error) => {
    assert.match(thrown.message, /^.*nodekey\.json: .*keys\.passwordFile.*FXN_KEY_PASSWORD/);
    assert.doesNotMatch(thrown.message, /--password-file/);
    return true;
  });
});

test('a configured password is used without asking, and its file is looked at', async (t) => {
  const { folder, file, log, logged } = await encryptedKey(t);
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, 'secret\n');
  await chmod(passwordFile, 0o644);
  const askSecret = () => assert.fail('asked');
  const fromFile = await prepareStartKey({ file, passwordFile }, { env: {}, askSecret, log });
  assert.equal((await fromFile()).checksumAddress, gatewayKey.checksumAddress);
  assert.match(JSON.stringify(logged), /rights on the password file/);
  const env = { FXN_KEY_PASSWORD: 'secret' };
  const fromEnv = await prepareStartKey({ file, passwordFile: '' }, { env, askSecret, log });
  assert.equal((await fromEnv()).checksumAddress, gatewayKey.checksumAddress);
});

test('a password file that is not there is no reason to make a key', async (t) => {
  const { folder, file, log } = await encryptedKey(t);
  const passwordFile = join(folder, 'absent');
  await assert.rejects(prepareStartKey({ file, passwordFile }, { env: {}, log }), (thrown: Error) => {
    assert.match(thrown.message, /absent: .*keys\.passwordFile/);
    assert.doesNotMatch(thrown.message, /accounts new/);
    return true;
  });
});

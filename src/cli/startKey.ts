/**
 * The key of a node that starts: opened, or written when there is none. What has to be asked is asked first, so
 * that the slow decryption can run while the rest starts. Runs in main.
 */
import { existsSync } from 'node:fs';
import type { Config } from '../config/config.js';
import { openKeyFile, writeKeyFile } from '../keys/keyFile.js';
import { inKeySource, keyFileError } from '../keys/keyFileError.js';
import { createNodeKey, generatePrivateKey, type NodeKey } from '../keys/nodeKey.js';
import { readPasswordFile } from '../keys/passwordFile.js';
import type { Logger } from '../logger/logger.js';
import { unlocker } from './accountPassword.js';
import type { CliIo } from './cliIo.js';

export interface StartKeySurroundings {
  readonly env: CliIo['env'];
  /** Absent: there is no terminal to ask on. */
  readonly askSecret?: CliIo['askSecret'];
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Resolves, when nothing is left to ask, to what opens the key. Throws `key_file`. */
export async function prepareStartKey(
  { file, passwordFile }: Config['keys'],
  { env, askSecret, log }: StartKeySurroundings,
): Promise<() => Promise<NodeKey>> {
  const onWarning = (warning: string): void => log.warn({ warning }, 'key file');
  const fromEnv = env['FXN_KEY_PASSWORD'];
  if (!existsSync(file)) {
    const password = passwordFile === '' ? fromEnv : await readPasswordFile(passwordFile, onWarning);
    return () => writeFirstKey(file, password, log);
  }
  const decode = await unlocker(await openKeyFile(file, onWarning), {
    path: file,
    file: passwordFile === '' ? undefined : passwordFile,
    fromEnv,
    askSecret,
    onWarning,
    withoutSource: () => inKeySource(file, keyFileError('password_needed', 'the key is encrypted')),
  });
  return async () => createNodeKey(await decode());
}

async function writeFirstKey(
  file: string,
  password: string | undefined,
  log: StartKeySurroundings['log'],
): Promise<NodeKey> {
  const key = await writeKeyFile(file, generatePrivateKey(), { password });
  const isEncrypted = password !== undefined;
  log.info({ file, address: key.checksumAddress, encrypted: isEncrypted }, 'first start: wrote a key');
  if (!isEncrypted) {
    log.warn({ file, remedy: 'set FXN_KEY_PASSWORD or keys.passwordFile' }, 'the key is not encrypted');
  }
  return key;
}

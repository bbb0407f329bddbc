/** The key that a command signs requests with: hex digits or a key file of either format. Runs in the command line. */
import { openKeyFile } from '../keys/keyFile.js';
import { keyFileProblem } from '../keys/keyFileError.js';
import { createNodeKey, type NodeKey } from '../keys/nodeKey.js';
import { parsePrivateKeyHex } from '../keys/plainKey.js';
import { unlocker } from './accountPassword.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export interface KeySource {
  /** `0x` and 64 hex digits, or the path of a key file. */
  readonly key: string;
  readonly passwordFile?: string | undefined;
}

export async function openSigningKey({ key, passwordFile }: KeySource, io: CliIo): Promise<NodeKey> {
  const privateKey = parsePrivateKeyHex(key);
  if (privateKey !== undefined) return keyOf(privateKey);
  if (/^0x/i.test(key) || /^[0-9a-f]{60,}$/i.test(key)) {
    // Not echoed: all but one digit of it may be right.
    throw new UsageError('--key looks like a private key, but is not 0x and 64 hex digits.');
  }
  const file = await openKeyFile(key, (warning) => io.err(warning));
  const decode = await unlocker(file, {
    path: key,
    file: passwordFile,
    fromEnv: io.env['FXN_KEY_PASSWORD'],
    askSecret: io.askSecret,
    onWarning: io.err,
  });
  return createNodeKey(await decode());
}

function keyOf(privateKey: Uint8Array): NodeKey {
  try {
    return createNodeKey(privateKey);
  } catch (cause) {
    if (keyFileProblem(cause) !== 'invalid_key') throw cause;
    throw new UsageError('--key is 64 hex digits, but outside the range of private keys.');
  }
}

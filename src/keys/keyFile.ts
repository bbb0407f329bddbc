/**
 * The key file on disk, in either format: reading with every way it can be wrong explained, and writing that
 * never replaces a key, since a staked key that is overwritten is money lost. Runs in main and the command line.
 */
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileExclusive } from '../lib/atomicFile.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { inKeySource, keyFileError } from './keyFileError.js';
import type { ScryptCost } from './keystoreParameters.js';
import { encryptKeystoreV3 } from './keystoreV3.js';
import { type KeyText, parseKeyText } from './keyText.js';
import { createNodeKey, type NodeKey } from './nodeKey.js';
import { plainKeyOf } from './plainKey.js';
import { readSmallFile } from './readSmallFile.js';

/** Told what is risky but no reason to stop, for example that others may read the file. */
export type OnKeyFileWarning = (message: string) => void;

/** Throws `key_file`; the message names the file and what to do. */
export async function readKeyFile(
  path: string,
  password: string | undefined,
  onWarning?: OnKeyFileWarning,
): Promise<NodeKey> {
  const { decode } = await openKeyFile(path, onWarning);
  return createNodeKey(await decode(password));
}

/** What a key file says without its password; `decode` goes on to the private key. Throws as `readKeyFile`. */
export async function openKeyFile(path: string, onWarning?: OnKeyFileWarning): Promise<KeyText> {
  try {
    const file = await readSmallFile(path);
    const key = parseKeyText(file.text);
    if (file.isOpenToOthers) {
      onWarning?.(
        `${path}: other users of this machine have rights on the key file. Run \`chmod 600\` on it.`,
      );
    }
    return {
      ...key,
      decode: async (password) => {
        try {
          return await key.decode(password);
        } catch (thrown) {
          throw inKeySource(path, thrown);
        }
      },
    };
  } catch (thrown) {
    throw inKeySource(path, thrown);
  }
}

export interface WriteKeyFileOptions {
  /** Absent: the plain format of the Go node. */
  readonly password?: string | undefined;
  /** For tests only. */
  readonly scryptCost?: ScryptCost | undefined;
}

/**
 * Creates the file with mode 0600, and its folder with 0700 when there is none. Whole or not at all; throws
 * `key_file` when the name is taken, even by a dangling link or a writer that was a moment faster.
 */
export async function writeKeyFile(
  path: string,
  privateKey: Uint8Array,
  options: WriteKeyFileOptions = {},
): Promise<NodeKey> {
  try {
    const key = createNodeKey(privateKey);
    // Only to spare the derivation; what decides is the exclusive creation below.
    if (await isNameTaken(path)) throw alreadyThere();
    const text = await keyFileText(privateKey, options);
    if (!(await createKeyFile(path, text))) throw alreadyThere();
    return key;
  } catch (thrown) {
    throw inKeySource(path, thrown);
  }
}

/** The text of a key file: encrypted when a password is given, else plain. */
export async function keyFileText(privateKey: Uint8Array, options: WriteKeyFileOptions): Promise<string> {
  const { password, scryptCost } = options;
  if (password === '') throw keyFileError('password_needed', 'an empty password protects nothing');
  const file =
    password === undefined
      ? plainKeyOf(privateKey)
      : await encryptKeystoreV3(privateKey, password, scryptCost);
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Whether anything, a dangling link included, has this name. */
export async function isNameTaken(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    // Not there, or not to be looked at: the creation that follows finds out which, and says so.
    return false;
  }
}

const alreadyThere = () => keyFileError('exists', 'there is already something with this name');

async function createKeyFile(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await createFileExclusive(path, text, { mode: 0o600 });
  } catch (thrown) {
    const code = systemErrorCode(thrown) ?? 'unknown error';
    throw keyFileError('unwritable', `the file cannot be written (${code})`, thrown);
  }
}

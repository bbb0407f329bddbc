/**
 * The key files that a home folder holds: the node's own and the named ones. Runs in main and the command line.
 */
import { readdir } from 'node:fs/promises';
import { homePaths, isKeyName } from '../lib/homePaths.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { isNameTaken } from './keyFile.js';
import { inKeySource, keyFileError } from './keyFileError.js';

/** The node's own key first, then the named ones in the order of their names. Throws `key_file`. */
export async function listKeyPaths(home: string): Promise<string[]> {
  const { keyFile, keysFolder } = homePaths(home);
  const paths = (await isNameTaken(keyFile())) ? [keyFile()] : [];
  for (const file of (await namesIn(keysFolder)).sort()) {
    // Other names are no keys of ours: a write that a crash left unfinished, an editor's backup.
    const name = file.endsWith('.json') ? file.slice(0, -'.json'.length) : '';
    if (isKeyName(name)) paths.push(keyFile(name));
  }
  return paths;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    const code = systemErrorCode(thrown) ?? 'unknown error';
    if (code === 'ENOENT') return [];
    throw inKeySource(folder, keyFileError('unreadable', `the folder cannot be read (${code})`, thrown));
  }
}

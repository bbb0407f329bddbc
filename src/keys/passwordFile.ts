/**
 * The password of a key, kept in a file of its own. One newline at the end belongs to the editor, not to the
 * password. Runs in main and the command line.
 */
import { inKeySource, keyFileError } from './keyFileError.js';
import { readSmallFile } from './readSmallFile.js';

/** Throws `key_file` naming the file. Never empty. */
export async function readPasswordFile(path: string): Promise<string> {
  try {
    const { text } = await readSmallFile(path);
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw keyFileError('password_needed', 'the password file is empty');
    return password;
  } catch (thrown) {
    throw inKeySource(path, thrown);
  }
}

/**
 * The password of a key, kept in a file of its own. One newline at the end belongs to the editor, not to the
 * password. Runs in main and the command line.
 */
import { inKeySource, keyFileError, keyFileProblem } from './keyFileError.js';
import { readSmallFile } from './readSmallFile.js';

/** Throws `key_file` naming the file. Never empty. Warns when others may read it, as for a key file. */
export async function readPasswordFile(path: string, onWarning?: (message: string) => void): Promise<string> {
  try {
    const { text, isOpenToOthers } = await readSmallFile(path);
    if (isOpenToOthers) {
      onWarning?.(
        `${path}: other users of this machine have rights on the password file. Run \`chmod 600\` on it.`,
      );
    }
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw keyFileError('password_file', 'the password file is empty');
    return password;
  } catch (thrown) {
    if (keyFileProblem(thrown) === 'missing') {
      throw inKeySource(path, keyFileError('password_file', 'there is no such password file', thrown));
    }
    throw inKeySource(path, thrown);
  }
}

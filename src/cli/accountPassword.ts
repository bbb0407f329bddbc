/**
 * Where the passwords of keys come from, in order: a file, the environment, a question on the terminal. Never the arguments, which every user of the machine can read. When there is no source at all
 * the command was called wrongly, and the message says how to call it. Runs in main and the command line.
 */
import type { KeyText } from '../keys/keyText.js';
import { readPasswordFile } from '../keys/passwordFile.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export interface PasswordSources {
  readonly file?: string | undefined;
  /** An empty variable counts as none. */
  readonly fromEnv?: string | undefined;
  readonly askSecret?: CliIo['askSecret'];
  /** Told when others may read the file. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface PasswordQuestion extends PasswordSources {
  readonly prompt: string;
  /** What to say when there is no source. */
  readonly remedy: string;
}

export interface LockedKey extends PasswordSources {
  /** The file of the key, or words for where it came from. */
  readonly path: string;
  /** What to throw when there is no source. */
  readonly withoutSource?: () => unknown;
}

/** What opens a key that exists; a password, when it needs one, is asked for before this resolves. */
export async function unlocker(key: KeyText, source: LockedKey): Promise<() => Promise<Uint8Array>> {
  if (key.format === 'plain') return () => key.decode(undefined);
  const {
    path,
    askSecret,
    withoutSource = () => noSource(path, '--password-file or FXN_KEY_PASSWORD'),
  } = source;
  const password = (await givenPassword(source)) ?? (await askSecret?.(`Password of ${path}: `));
  if (password === undefined) throw withoutSource();
  return () => key.decode(password);
}

/** @param ways how a password can be given without a terminal */
export const noSource = (path: string, ways: string): UsageError =>
  new UsageError(`${path} is encrypted and there is no terminal to ask on. Give its password with ${ways}.`);

/** The password for a key about to be written; asked twice on a terminal. */
export async function newPassword(question: PasswordQuestion): Promise<string> {
  const given = await givenPassword(question);
  if (given !== undefined) return given;
  if (question.askSecret === undefined) throw new UsageError(question.remedy);
  const password = await question.askSecret(question.prompt);
  if (password === '') {
    throw new UsageError('An empty password protects nothing. Use --plain for a key without encryption.');
  }
  if ((await question.askSecret('The same again: ')) !== password) {
    throw new UsageError('The two passwords differ; nothing was written.');
  }
  return password;
}

async function givenPassword({ file, fromEnv, onWarning }: PasswordSources): Promise<string | undefined> {
  if (file !== undefined) return readPasswordFile(file, onWarning);
  return fromEnv === '' ? undefined : fromEnv;
}

/**
 * Where the passwords of the `accounts` commands come from, in order: a file, the environment, a question on
 * the terminal. Never the arguments, which every user of the machine can read. When there is no source at all
 * the command was called wrongly, and the message says how to call it. Runs in the command line.
 */
import { readPasswordFile } from '#src/keys/passwordFile.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export interface PasswordSources {
  readonly file?: string | undefined;
  /** An empty variable counts as none. */
  readonly fromEnv?: string | undefined;
  readonly askSecret?: CliIo['askSecret'];
}

export interface PasswordQuestion extends PasswordSources {
  readonly prompt: string;
  /** What to say when there is no source. */
  readonly remedy: string;
}

/** The password of a key that exists. */
export async function existingPassword(question: PasswordQuestion): Promise<string> {
  const password = (await givenPassword(question)) ?? (await question.askSecret?.(question.prompt));
  if (password === undefined) throw new UsageError(question.remedy);
  return password;
}

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

async function givenPassword({ file, fromEnv }: PasswordSources): Promise<string | undefined> {
  if (file !== undefined) return readPasswordFile(file);
  return fromEnv === '' ? undefined : fromEnv;
}

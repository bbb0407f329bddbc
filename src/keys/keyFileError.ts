/**
 * Everything that can be wrong with a key file, and what the operator can do about each. Decoders throw
 * without knowing where the text came from; whoever read it adds the source once with `inKeySource`. No
 * message, meta or cause made here may hold any part of a key file: even `JSON.parse` quotes its input.
 * Runs in main and the command line.
 */
import { NodeError } from '../errors/nodeError.js';

const remedies = {
  missing: 'Create a key with `fxn accounts new`, or correct the path.',
  unreadable: 'Check what it is, and that the user of this node may read it.',
  too_large: 'This is no key file; correct the path.',
  not_json: 'Restore the file from a backup; a bare hex key comes in with `fxn accounts import`.',
  unknown_format:
    'Expected an Ethereum keystore (version 3) or the plain file {"public_key", "address", "private_key"}.',
  invalid_key: 'Restore the file from a backup.',
  mismatch: 'The file was changed by hand or damaged; restore it from a backup.',
  password_needed: 'Put it into the file that keys.passwordFile names, or into FXN_KEY_PASSWORD.',
  password_file: 'Correct the file, or keys.passwordFile or --password-file that names it.',
  wrong_password: 'Give the password that the file was written with.',
  hostile_parameters: 'Write the key anew with common parameters, in the wallet that it came from.',
  exists: 'An existing key is never overwritten: move it away, or choose another name.',
  unwritable: 'Check the permissions and free space of the folder, and that its file system has hard links.',
} as const;

export type KeyFileProblem = keyof typeof remedies;

/** What the operator can do about it; a sentence. */
export const keyFileRemedy = (problem: KeyFileProblem): string => remedies[problem];

/** `detail` is a clause without a full stop. */
export function keyFileError(problem: KeyFileProblem, detail: string, cause?: unknown): NodeError {
  return new NodeError('key_file', {
    message: `${detail}. ${remedies[problem]}`,
    meta: { problem },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The problem an error of this table carries; `undefined` for every other thrown value. */
export function keyFileProblem(thrown: unknown): KeyFileProblem | undefined {
  if (!(thrown instanceof NodeError) || thrown.code !== 'key_file') return undefined;
  const problem = thrown.meta['problem'];
  return typeof problem === 'string' && problem in remedies ? (problem as KeyFileProblem) : undefined;
}

/** The same error with the file (or "standard input") named in front, once; other thrown values as they are. */
export function inKeySource(source: string, thrown: unknown): unknown {
  if (keyFileProblem(thrown) === undefined) return thrown;
  const error = thrown as NodeError;
  if ('source' in error.meta) return error;
  return new NodeError('key_file', {
    message: `${source}: ${error.message}`,
    meta: { ...error.meta, source },
    cause: error.cause,
  });
}

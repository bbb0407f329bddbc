/**
 * The private key that `fxn accounts import` is given: bare hex or a key file of either format, from a file,
 * standard input or hidden input on the terminal. Runs in the command line.
 */
import { inKeySource } from '../keys/keyFileError.js';
import { type KeyText, parseKeyText } from '../keys/keyText.js';
import { parsePrivateKeyHex } from '../keys/plainKey.js';
import { readSmallFile } from '../keys/readSmallFile.js';
import { noSource, unlocker } from './accountPassword.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export interface ImportSource {
  /** A file, or `-` for standard input; absent: asked on the terminal, else standard input. */
  readonly from?: string | undefined;
  /** Holds the password of the key file that is imported. */
  readonly sourcePasswordFile?: string | undefined;
  /** Holds the password of the new key; used for both when nothing else is given and nobody can be asked. */
  readonly passwordFile?: string | undefined;
}

const terminal = 'the terminal';

/** The 32 bytes as found; whoever stores them checks their range. */
export async function readImportedKey(source: ImportSource, io: CliIo): Promise<Uint8Array> {
  refuseKeyAsArgument(source.from);
  const { label, text } = await readSource(source, io);
  const bare = parsePrivateKeyHex(text.trim());
  if (bare !== undefined) return bare;
  if (label === terminal && !text.trimStart().startsWith('{')) {
    // Not echoed: all but one digit of it may be right.
    throw new UsageError('What was typed is not 64 hex digits; nothing was written.');
  }
  try {
    return await unlockSource(parseKeyText(text), label, source, io);
  } catch (thrown) {
    throw inKeySource(label, thrown);
  }
}

function refuseKeyAsArgument(from: string | undefined): void {
  if (from === undefined || parsePrivateKeyHex(from) === undefined) return;
  // Not echoed: the point is to keep it out of more logs.
  throw new UsageError(
    'That looks like a private key. Arguments are visible to other users and stay in the shell history: put the key into a file, or pipe it in with "-". Consider this one exposed.',
  );
}

async function readSource({ from }: ImportSource, io: CliIo): Promise<{ label: string; text: string }> {
  if (from !== undefined && from !== '-') {
    try {
      return { label: from, text: (await readSmallFile(from)).text };
    } catch (thrown) {
      throw inKeySource(from, thrown);
    }
  }
  if (from === undefined && io.askSecret !== undefined) {
    return { label: terminal, text: await io.askSecret('Private key (64 hex digits): ') };
  }
  if (io.readStdin === undefined) throw new UsageError('Name the file to import, or "-" for standard input.');
  return { label: 'standard input', text: await io.readStdin() };
}

async function unlockSource(
  key: KeyText,
  label: string,
  { sourcePasswordFile, passwordFile }: ImportSource,
  io: CliIo,
): Promise<Uint8Array> {
  const isOwn = sourcePasswordFile !== undefined || io.askSecret !== undefined;
  const decode = await unlocker(key, {
    path: label,
    file: isOwn ? sourcePasswordFile : passwordFile,
    fromEnv: isOwn ? undefined : io.env['FXN_KEY_PASSWORD'],
    askSecret: io.askSecret,
    onWarning: io.err,
    withoutSource: () => noSource(label, '--source-password-file'),
  });
  return decode();
}

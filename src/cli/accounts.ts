/**
 * `fxn accounts new | get | list | import | export`: the node's keys on disk. Each command is a function of its
 * options and of the terminal it is handed, and returns the exit code. A private key is never taken from the arguments, which other users of the machine
 * can read, and only `export` ever prints one. Runs in the command line.
 */
import { relative } from 'node:path';
import { checksumAddress } from '../keys/checksumAddress.js';
import { isNameTaken, keyFileText, openKeyFile, writeKeyFile } from '../keys/keyFile.js';
import { inKeySource, keyFileError, keyFileProblem } from '../keys/keyFileError.js';
import { listKeyPaths } from '../keys/keyFolder.js';
import type { ScryptCost } from '../keys/keystoreParameters.js';
import type { KeyText } from '../keys/keyText.js';
import { createNodeKey, generatePrivateKey } from '../keys/nodeKey.js';
import { homePaths, isKeyName } from '../lib/homePaths.js';
import { newPassword, unlocker } from './accountPassword.js';
import type { CliIo } from './cliIo.js';
import { exitCodeOf, exitCodes, reportFailure, withExitCode } from './exitCode.js';
import { type ImportSource, readImportedKey } from './importedKey.js';
import { UsageError } from './usageError.js';

export interface AccountOptions {
  /** The home folder. */
  readonly home: string;
  /** `keys/NAME.json` instead of `nodekey.json`. */
  readonly name?: string | undefined;
  /** Holds the password of the key; else `FXN_KEY_PASSWORD`, else the terminal. */
  readonly passwordFile?: string | undefined;
  /** The Go node's unencrypted format. */
  readonly plain?: boolean | undefined;
  /** For tests only. */
  readonly scryptCost?: ScryptCost | undefined;
}

export interface AccountImportOptions extends AccountOptions, ImportSource {}

export interface AccountExportOptions extends AccountOptions {
  /** Absent: standard output. */
  readonly out?: string | undefined;
  /** Holds the password that the exported file gets; else asked on the terminal. */
  readonly newPasswordFile?: string | undefined;
  /** Print a plain key without asking. */
  readonly yes?: boolean | undefined;
}

export function accountsNew(options: AccountOptions, io: CliIo): Promise<number> {
  const work = async (): Promise<number> => {
    const path = pathOf(options);
    await refuseTakenName(path);
    const password = await storePassword(options, io);
    await storeKey(path, generatePrivateKey(), password, options, io);
    return exitCodes.done;
  };
  // Called rightly, and the key is there: scripts tell this from a mistake.
  const codeOf = (thrown: unknown): number =>
    keyFileProblem(thrown) === 'exists' ? exitCodes.failed : exitCodeOf(thrown);
  return withExitCode(io, work, codeOf);
}

export function accountsGet(options: AccountOptions, io: CliIo): Promise<number> {
  return withExitCode(io, async () => {
    const path = pathOf(options);
    const key = await openKeyFile(path, (warning) => io.err(warning));
    const address = key.address ?? createNodeKey(await unlock(key, path, options, io)).address;
    io.out(`address: ${checksumAddress(address)}\nfile:    ${path}\nformat:  ${formatNames[key.format]}`);
    return exitCodes.done;
  });
}

export function accountsList(options: Pick<AccountOptions, 'home'>, io: CliIo): Promise<number> {
  return withExitCode(io, async () => {
    const paths = await listKeyPaths(options.home);
    if (paths.length === 0) io.err(`There are no keys in ${options.home}.`);
    let exitCode: number = exitCodes.done;
    for (const path of paths) {
      try {
        const key = await openKeyFile(path, (warning) => io.err(warning));
        const address = key.address === undefined ? noAddress : checksumAddress(key.address);
        io.out(`${address}  ${formatNames[key.format].padEnd(9)}  ${relative(options.home, path)}`);
      } catch (thrown) {
        // One bad file must not hide the others; the exit code still tells of it.
        exitCode = reportFailure(thrown, io);
      }
    }
    return exitCode;
  });
}

export function accountsImport(options: AccountImportOptions, io: CliIo): Promise<number> {
  return withExitCode(io, async () => {
    const path = pathOf(options);
    await refuseTakenName(path);
    const privateKey = await readImportedKey(options, io);
    const password = await storePassword(options, io);
    await storeKey(path, privateKey, password, options, io);
    return exitCodes.done;
  });
}

export function accountsExport(options: AccountExportOptions, io: CliIo): Promise<number> {
  return withExitCode(io, async () => {
    const path = pathOf(options);
    if (options.out !== undefined) await refuseTakenName(options.out);
    const key = await openKeyFile(path, (warning) => io.err(warning));
    if (options.plain === true && options.out === undefined) await confirmPrinting(options, io);
    const privateKey = await unlock(key, path, options, io);
    const password = await exportPassword(options, io);
    if (options.out === undefined) {
      const text = await keyFileText(privateKey, { password, scryptCost: options.scryptCost });
      io.out(text.trimEnd());
    } else {
      await storeKey(options.out, privateKey, password, options, io);
    }
    return exitCodes.done;
  });
}

const formatNames = { keystore: 'encrypted', plain: 'plain' } as const satisfies Record<
  KeyText['format'],
  string
>;

/** As wide as an address. */
const noAddress = '(the file does not state an address)'.padEnd(42);

function pathOf({ home, name }: AccountOptions): string {
  if (name !== undefined && !isKeyName(name)) {
    throw new UsageError(
      'A key name has 1 to 64 letters, digits, dots, underscores or hyphens, and begins with a letter or digit.',
    );
  }
  return homePaths(home).keyFile(name);
}

/** Said before any password is asked for; the write itself refuses too, for whoever comes in between. */
async function refuseTakenName(path: string): Promise<void> {
  if (await isNameTaken(path)) {
    throw inKeySource(path, keyFileError('exists', 'there is already something with this name'));
  }
}

/** The password of a key to be stored at home; `undefined` for a plain one. */
async function storePassword(options: AccountOptions, io: CliIo): Promise<string | undefined> {
  if (options.plain === true) {
    if (options.passwordFile !== undefined) {
      throw new UsageError('--plain and --password-file exclude each other: a plain key has no password.');
    }
    return undefined;
  }
  return newPassword({
    file: options.passwordFile,
    fromEnv: io.env['FXN_KEY_PASSWORD'],
    askSecret: io.askSecret,
    onWarning: io.err,
    prompt: 'Password for the key: ',
    remedy:
      'There is no terminal to ask for a password on. Give one with --password-file or FXN_KEY_PASSWORD, or use --plain for a key without encryption.',
  });
}

/** The password of an exported key, which need not be the one it has at home; `undefined` for a plain one. */
async function exportPassword(options: AccountExportOptions, io: CliIo): Promise<string | undefined> {
  if (options.plain === true) {
    if (options.newPasswordFile !== undefined) {
      throw new UsageError(
        '--plain and --new-password-file exclude each other: a plain key has no password.',
      );
    }
    return undefined;
  }
  return newPassword({
    file: options.newPasswordFile,
    askSecret: io.askSecret,
    onWarning: io.err,
    prompt: 'New password for the exported key: ',
    remedy:
      'There is no terminal to ask for a new password on. Give one with --new-password-file, or use --plain.',
  });
}

/** The private key inside, with the password of a key at home when it has one. */
async function unlock(key: KeyText, path: string, options: AccountOptions, io: CliIo): Promise<Uint8Array> {
  const decode = await unlocker(key, {
    path,
    file: options.passwordFile,
    fromEnv: io.env['FXN_KEY_PASSWORD'],
    askSecret: io.askSecret,
    onWarning: io.err,
  });
  return decode();
}

const confirmationWords = 'print the private key';

async function confirmPrinting(options: AccountExportOptions, io: CliIo): Promise<void> {
  if (options.yes === true) return;
  if (io.askSecret === undefined) {
    throw new UsageError(
      'This prints the private key, and there is no terminal to confirm on: add --yes, or write it to a file with --out.',
    );
  }
  const words = await io.askSecret(`Whoever sees the key owns it. To go on, type "${confirmationWords}": `);
  if (words.trim() !== confirmationWords) throw new UsageError('Not confirmed; nothing was printed.');
}

async function storeKey(
  path: string,
  privateKey: Uint8Array,
  password: string | undefined,
  options: AccountOptions,
  io: CliIo,
): Promise<void> {
  const key = await writeKeyFile(path, privateKey, { password, scryptCost: options.scryptCost });
  io.out(`address: ${key.checksumAddress}\nfile:    ${path}`);
  if (password === undefined) io.err(`${path} is not encrypted: whoever can read it owns the key.`);
}

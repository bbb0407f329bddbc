/** The key that a command signs requests with: hex digits or a key file of either format. Runs in the command line. */
import { openKeyFile } from '../keys/keyFile.js';
import { keyFileProblem } from '../keys/keyFileError.js';
import { createNodeKey, type NodeKey } from '../keys/nodeKey.js';
import { parsePrivateKeyHex } from '../keys/plainKey.js';
import type { AddressText } from '../lib/address.js';
import { unlocker } from './accountPassword.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export interface KeySource {
  /** `0x` and 64 hex digits, or the path of a key file. */
  readonly key: string;
  readonly passwordFile?: string | undefined;
}

export interface Signer {
  /** Stated by the file and not proven until it is opened. */
  readonly address: AddressText;
  /** Asks for the password where that is left to a terminal. */
  open(): Promise<NodeKey>;
}

export async function openSigningKey(source: KeySource, io: CliIo): Promise<NodeKey> {
  const found = await findKey(source, io);
  return 'open' in found ? found.open() : found;
}

/** Whose key it is, without its password where the file says so. Without a terminal the password has to be there already. */
export async function identifySigner(source: KeySource, io: CliIo): Promise<Signer> {
  const found = await findKey(source, io);
  if ('open' in found && found.address !== undefined && io.askSecret !== undefined) {
    return { address: found.address, open: found.open };
  }
  const key = 'open' in found ? await found.open() : found;
  return { address: key.address, open: async () => key };
}

/** The key itself where it needs no file. */
async function findKey(
  { key, passwordFile }: KeySource,
  io: CliIo,
): Promise<NodeKey | { address: AddressText | undefined; open: () => Promise<NodeKey> }> {
  const privateKey = parsePrivateKeyHex(key);
  if (privateKey !== undefined) return keyOf(privateKey);
  if (/^0x/i.test(key) || /^[0-9a-f]{60,}$/i.test(key)) {
    // Not echoed: all but one digit of it may be right.
    throw new UsageError('--key looks like a private key, but is not 0x and 64 hex digits.');
  }
  const file = await openKeyFile(key, (warning) => io.err(warning));
  return {
    address: file.address,
    async open() {
      const decode = await unlocker(file, {
        path: key,
        file: passwordFile,
        fromEnv: io.env['FXN_KEY_PASSWORD'],
        askSecret: io.askSecret,
        onWarning: io.err,
      });
      return createNodeKey(await decode());
    },
  };
}

function keyOf(privateKey: Uint8Array): NodeKey {
  try {
    return createNodeKey(privateKey);
  } catch (cause) {
    if (keyFileProblem(cause) !== 'invalid_key') throw cause;
    throw new UsageError('--key is 64 hex digits, but outside the range of private keys.');
  }
}

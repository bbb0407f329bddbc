/**
 * What the commands of `fxn provider` make of their options and of this home's configuration: whose provider, on which chain,
 * signed by which key. Runs in the command line.
 */
import { existsSync } from 'node:fs';
import { type LoadedConfig, loadConfig } from '../config/loadConfig.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import { openKeyFile } from '../keys/keyFile.js';
import { keyFileProblem } from '../keys/keyFileError.js';
import { type AddressText, parseAddress } from '../lib/address.js';
import { parseDuration } from '../lib/duration.js';
import type { HexText } from '../lib/hexText.js';
import { homePaths, resolveHome } from '../lib/homePaths.js';
import { etherDecimals, parseTokenAmount } from '../lib/tokenAmount.js';
import { parseProviderId } from '../provider/providerId.js';
import type { CliIo } from './cliIo.js';
import { identifySigner, type Signer } from './signingKey.js';
import { UsageError } from './usageError.js';

export interface HomeOptions {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
}

export interface KeyOptions {
  /** A key file, or `0x` and 64 hex digits; absent: the key of this home. */
  readonly key?: string | undefined;
  readonly passwordFile?: string | undefined;
}

export interface SendOptions extends HomeOptions, KeyOptions {
  readonly id?: string | undefined;
  readonly yes?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly unsigned?: boolean | undefined;
  /** Whose transactions are printed by `unsigned`. */
  readonly from?: string | undefined;
  readonly confirmations: number;
  readonly timeout: string;
  readonly maxCost: string;
}

/** The configuration of a home; throws `config_invalid`. */
export function loadProviderHome(options: HomeOptions, { env }: CliIo): LoadedConfig {
  const home = resolveHome(options.home, env);
  const { config: configFile, modelBackend: modelBackendFile } = options;
  const paths = homePaths(home, { configFile });
  if (!existsSync(paths.configFile)) {
    throw new UsageError(
      `There is no ${paths.configFile} to tell the chain and its contracts. Start the node once to have it written, or give another --home or --config.`,
    );
  }
  return loadConfig({ home, configFile, modelBackendFile, env });
}

/** The address of this home's key, without its password; `undefined` when there is none or its file does not say. */
export async function nodeAddress(
  { config }: LoadedConfig,
  { err }: CliIo,
): Promise<AddressText | undefined> {
  try {
    return (await openKeyFile(config.keys.file, err)).address;
  } catch (thrown) {
    if (keyFileProblem(thrown) === 'missing') return undefined;
    throw thrown;
  }
}

export interface Ownership {
  readonly owner: AddressText;
  /** Absent when somebody else signs. */
  readonly signer: Signer | undefined;
}

export async function ownershipOf(options: SendOptions, loaded: LoadedConfig, io: CliIo): Promise<Ownership> {
  const { keys, registry } = loaded.config;
  const { key, passwordFile, from, unsigned } = options;
  if (from !== undefined && unsigned !== true) {
    throw new UsageError(
      '--from says whose transactions --unsigned prints. To send them, give the key with --key.',
    );
  }
  if (unsigned === true && key === undefined) {
    const owner =
      from === undefined ? registry.owner || (await nodeAddress(loaded, io)) : addressOf(from, '--from');
    if (owner === undefined) throw new UsageError('Whose transactions? Give the address with --from.');
    return { owner, signer: undefined };
  }
  const source =
    key === undefined
      ? { key: keys.file, passwordFile: passwordFile ?? (keys.passwordFile || undefined) }
      : { key, passwordFile };
  const signer = await identifySigner(source, io);
  if (from !== undefined && addressOf(from, '--from') !== signer.address) {
    throw new UsageError('--from and --key name two accounts.');
  }
  if (unsigned === true) return { owner: signer.address, signer: undefined };
  if (key === undefined && registry.owner !== '' && registry.owner !== signer.address) {
    throw new UsageError(
      `registry.owner is ${checksumAddress(registry.owner)}, but this home's key is ${checksumAddress(signer.address)}. ` +
        "Give the owner's key with --key, or print the transactions for it with --unsigned.",
    );
  }
  return { owner: signer.address, signer };
}

export function addressOf(text: string, option: string): AddressText {
  const address = /^0x/i.test(text) ? parseAddress(text) : undefined;
  if (address !== undefined) return address;
  throw new UsageError(`${option} is not an address of 0x and 40 hex digits.`);
}

export function idOf(text: string | undefined): HexText | undefined {
  if (text === undefined) return undefined;
  const id = parseProviderId(text);
  if (id === undefined) throw new UsageError('--id is text or 0x and hex digits, of 1 to 64 bytes.');
  return id;
}

/** Whole numbers of any size. */
export function wholeNumberOf(text: string, option: string): bigint {
  if (/^\d{1,77}$/.test(text)) return BigInt(text);
  throw new UsageError(`${option} is not a whole number.`);
}

/** The model by its name or its fxnId; absent: the only one that this node serves. */
export function modelIdOf(text: string | undefined, { modelBackends }: LoadedConfig): bigint {
  const { models } = modelBackends;
  if (text !== undefined) {
    const named = models.find(({ name, aliases }) => name === text || aliases.includes(text));
    const id = named?.fxnId ?? text;
    if (/^\d{1,77}$/.test(id)) return BigInt(id);
    throw new UsageError(
      named === undefined
        ? `--model "${text}" is neither a model of model_backend.yaml nor a number.`
        : `The fxnId of the model "${named.name}" in model_backend.yaml is "${id}", not a number.`,
    );
  }
  const ids = new Set(models.map(({ fxnId }) => fxnId).filter((id) => /^\d{1,77}$/.test(id)));
  const [only] = ids;
  if (only !== undefined && ids.size === 1) return BigInt(only);
  throw new UsageError(
    ids.size === 0
      ? 'No model of model_backend.yaml has a number as fxnId: say which model is served with --model NUMBER.'
      : `model_backend.yaml has the models ${[...ids].join(', ')}; a provider serves one: choose it with --model.`,
  );
}

export interface Limits {
  readonly confirmations: number;
  readonly withinMs: number;
  /** Wei. */
  readonly maxCost: bigint;
}

const mostConfirmations = 1_000;

export function limitsOf({ confirmations, timeout, maxCost }: SendOptions): Limits {
  if (!Number.isInteger(confirmations) || confirmations < 1 || confirmations > mostConfirmations) {
    throw new UsageError(`--confirmations is a whole number from 1 to ${mostConfirmations}.`);
  }
  const withinMs = parseDuration(timeout);
  if (withinMs === undefined || withinMs < 1)
    throw new UsageError('--timeout is a duration such as "90s" or "5m".');
  const wei = parseTokenAmount(maxCost, etherDecimals);
  if (wei === undefined) throw new UsageError('--max-cost is an amount of ETH such as "0.01".');
  return { confirmations, withinMs, maxCost: wei };
}

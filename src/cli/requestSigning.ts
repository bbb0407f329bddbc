/**
 * What the commands that sign requests make of their options, and of this home's configuration where an option is
 * missing. Runs in the command line.
 */
import { existsSync } from 'node:fs';
import type { RequestSigner } from '../auth/signRequest.js';
import { baseSepolia } from '../config/baseSepolia.js';
import type { Config } from '../config/config.js';
import { homePaths, resolveHome } from '../lib/homePaths.js';
import type { CliIo } from './cliIo.js';
import { loadHomeConfig } from './homeNode.js';
import type { SigningScheme } from './signedExchange.js';
import { openSigningKey } from './signingKey.js';
import { UsageError } from './usageError.js';

export interface SigningOptions {
  /** A key file, or `0x` and 64 hex digits; absent: the key of this home. */
  readonly key?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly scheme: 'legacy' | 'rfc9421';
  /** Absent: that of this home, or Base Sepolia where there is no home. */
  readonly chainId?: number | undefined;
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
}

export type HomeConfig = () => Config;

/**
 * Loaded once and only when an option is missing: a request elsewhere needs no home.
 * @param urlOption where a command takes the node's URL
 */
export function configOnDemand(options: SigningOptions, { env }: CliIo, urlOption = '--url'): HomeConfig {
  const { config: configFile, modelBackend: modelBackendFile } = options;
  let loaded: Config | undefined;
  return () => {
    const home = resolveHome(options.home, env);
    loaded ??= loadHomeConfig({ home, configFile, modelBackendFile, env }, urlOption);
    return loaded;
  };
}

export async function openSigner(
  { key, passwordFile }: SigningOptions,
  homeConfig: HomeConfig,
  io: CliIo,
): Promise<RequestSigner> {
  const source =
    key === undefined
      ? {
          key: homeConfig().keys.file,
          passwordFile: passwordFile ?? (homeConfig().keys.passwordFile || undefined),
        }
      : { key, passwordFile };
  const { checksumAddress, sign } = await openSigningKey(source, io);
  return { address: checksumAddress, sign };
}

export function chainOf(options: SigningOptions, homeConfig: HomeConfig, { env }: CliIo): number {
  const { chainId } = options;
  if (chainId !== undefined) {
    if (!Number.isSafeInteger(chainId) || chainId < 1) throw new UsageError('--chain-id is a number from 1.');
    return chainId;
  }
  const { configFile } = homePaths(resolveHome(options.home, env), { configFile: options.config });
  return existsSync(configFile) ? homeConfig().chainId : baseSepolia.chainId;
}

export function signingScheme(options: SigningOptions, homeConfig: HomeConfig, io: CliIo): SigningScheme {
  const { scheme: name } = options;
  return name === 'legacy' ? { name } : { name, chainId: chainOf(options, homeConfig, io) };
}

/** The URL of a path at a node; `option` is where the node's URL was given. */
export function urlAtNode(base: string, path: string, option: string): URL {
  const isHttp = /^https?:\/\//i.test(base) && URL.canParse(base);
  if (!isHttp) throw new UsageError(`${option} is not a URL that starts with http:// or https://.`);
  const { origin, pathname } = new URL(base);
  return new URL(`${origin}${pathname.replace(/\/$/, '')}${path}`);
}

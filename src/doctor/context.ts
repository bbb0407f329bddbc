/**
 * What checks share: the configuration, and answers that several of them need, each asked for once. Runs in the command
 * line.
 */
import type { Config } from '../config/config.js';
import type { LoadedConfig } from '../config/loadConfig.js';
import { probeRpc, type RpcProbe } from '../contracts/probeRpc.js';
import { type RegistryRead, readRegistry } from '../contracts/readRegistry.js';
import { gatewayKind, providerKind, type RegistryKind } from '../contracts/registryKinds.js';
import { createRpcEndpoints } from '../contracts/rpcEndpoints.js';
import { openKeyFile } from '../keys/keyFile.js';
import type { AddressText } from '../lib/address.js';
import type { HomePaths } from '../lib/homePaths.js';
import { lockHolder } from '../storage/homeLock.js';

export interface DoctorOptions {
  /** Has each backend generate a token. */
  readonly generate: boolean;
  /** Asks for the node's own URL from outside. */
  readonly publicUrl: boolean;
  /** Starts the compute engines. */
  readonly engines: boolean;
}

export interface MachineContext {
  readonly paths: HomePaths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: DoctorOptions;
  readonly signal: AbortSignal;
}

export interface NodeContext extends MachineContext {
  readonly loaded: LoadedConfig;
  readonly config: Config;
  /** Process id of the node that holds this home; `undefined` when none runs. */
  readonly runningPid: number | undefined;
  /** In the order of `rpcProvider`. */
  rpcs(): Promise<readonly RpcProbe[]>;
  /** Rejects with a chain failure. */
  registry(kind: 'gateway' | 'provider'): Promise<RegistryRead>;
  /** The provider's owner; `undefined` where neither the configuration nor the key file states it. */
  owner(): Promise<AddressText | undefined>;
  close(): void;
}

const rpcDeadlineMs = 6_000;
const callTimeoutMs = 10_000;
/** A registry with room for ten thousand entries. */
const maxResponseBytes = 64 * 1_024 * 1_024;

const kinds: Readonly<Record<'gateway' | 'provider', RegistryKind>> = {
  gateway: gatewayKind,
  provider: providerKind,
};

export function createNodeContext(machine: MachineContext, loaded: LoadedConfig): NodeContext {
  const { config } = loaded;
  const { signal } = machine;
  const endpoints = createRpcEndpoints({
    urls: config.rpcProvider,
    chainId: config.chainId,
    callTimeoutMs,
    headTimeoutMs: rpcDeadlineMs,
    maxResponseBytes,
  });
  signal.addEventListener('abort', () => endpoints.close(), { once: true });

  const read = (kind: 'gateway' | 'provider'): Promise<RegistryRead> =>
    readRegistry({
      endpoints,
      router: config.registry.routerSmartContractAddress as AddressText,
      kind: kinds[kind],
      confirmations: 0,
      floor: undefined,
      expectedRegistry: undefined,
    });
  const registries = { gateway: once(() => read('gateway')), provider: once(() => read('provider')) };

  return {
    ...machine,
    loaded,
    config,
    runningPid: lockHolder(machine.paths.lockFile),
    rpcs: once(() =>
      Promise.all(config.rpcProvider.map((url) => probeRpc({ url, deadlineMs: rpcDeadlineMs, signal }))),
    ),
    registry: (kind) => registries[kind](),
    owner: once(async () => {
      if (config.registry.owner !== '') return config.registry.owner as AddressText;
      // What is wrong with the file is another check's finding.
      return (await openKeyFile(config.keys.file).catch(() => undefined))?.address;
    }),
    close: () => endpoints.close(),
  };
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask();
    return asked;
  };
}

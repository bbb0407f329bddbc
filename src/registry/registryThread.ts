/**
 * What the registry thread is made of: the RPC endpoints, the two contract registries over their shared cells, the
 * watch over this node's own registration, and the methods main may call. Runs in the registry thread.
 */
import { gatewayKind, providerKind } from '../contracts/registryKinds.js';
import { createRpcEndpoints, type EndpointHealth } from '../contracts/rpcEndpoints.js';
import type { AddressText } from '../lib/address.js';
import { systemClock } from '../lib/clock.js';
import { createLogger, type Logger, type LogLevel } from '../logger/logger.js';
import { createRegistryMetrics, type RegistryReading } from '../metrics/registryMetrics.js';
import { MetricsRegistry, type MetricsSnapshot, snapshotMetrics } from '../metrics/threadMetrics.js';
import { type CallPort, connectThread } from '../threads/threadCalls.js';
import {
  type ContractRegistryOptions,
  type RefreshFailureKind,
  type RegistryStatus,
  startContractRegistry,
} from './contractRegistry.js';
import { createRegistrationWatch, type RegistrationState } from './registrationWatch.js';

/** `workerData` of the registry thread. */
export interface RegistryThreadData {
  readonly chainId: number;
  /** In the operator's order; never logged beyond scheme and host. */
  readonly rpcUrls: readonly string[];
  readonly router: AddressText;
  /** The provider owner whose registration is watched. */
  readonly owner: AddressText;
  /** Whether to tell the operator of its registration; yes unless told. The metric and the status have it anyway. */
  readonly watchRegistration?: boolean;
  readonly gatewayPollIntervalMs: number;
  readonly providerPollIntervalMs: number;
  readonly maxStalenessMs: number;
  readonly confirmations: number;
  readonly snapshotsFolder: string;
  readonly logLevel: LogLevel;
  /** Made with `createRegistryCell`; a restarted thread gets the same ones. */
  readonly gatewayCell: SharedArrayBuffer;
  readonly providerCell: SharedArrayBuffer;
}

export interface RegistryThreadStatus {
  readonly gateway: RegistryStatus;
  readonly provider: RegistryStatus;
  readonly registration: { readonly owner: AddressText; readonly state: RegistrationState };
  readonly rpcEndpoints: readonly EndpointHealth[];
}

/** What main may call on the registry thread. */
export type RegistryThreadMethods = {
  collectMetrics(argument: undefined): Promise<MetricsSnapshot>;
  setLogLevel(level: LogLevel): void;
  status(argument: undefined): RegistryThreadStatus;
  /** Reads both registries now and answers with what came of it. Only tests call it: they cannot wait for a poll. */
  refresh(argument: undefined): Promise<RegistryThreadStatus>;
  /** Ends the polling and saves the snapshots; the thread ends by itself after the answer. */
  close(argument: undefined): Promise<void>;
};

export type RegistryThreadPort = CallPort & { close(): void };

export function startRegistryThread(data: RegistryThreadData, port: RegistryThreadPort): void {
  const log = createLogger({ level: data.logLevel, thread: 'registry' });
  const loggers = [log];
  const loggerOf = (registry: string): Logger => {
    const child = log.child({ registry });
    loggers.push(child);
    return child;
  };
  process.on('uncaughtExceptionMonitor', (err) => log.fatal({ err }, 'registry thread failed'));

  const clock = systemClock;
  const endpoints = createRpcEndpoints({ urls: data.rpcUrls, chainId: data.chainId, clock });

  const start = (own: Pick<ContractRegistryOptions, 'kind' | 'cell' | 'pollIntervalMs'>) =>
    startContractRegistry({
      ...own,
      endpoints,
      router: data.router,
      confirmations: data.confirmations,
      maxStalenessMs: data.maxStalenessMs,
      snapshotsFolder: data.snapshotsFolder,
      clock,
      log: loggerOf(own.kind.name),
      onRead(outcome) {
        if ('failure' in outcome) metrics.countFailure(own.kind.name, outcome.failure);
        else metrics.observeRead(own.kind.name, outcome.durationMs);
        // After a failed read too: a provider registry that grew stale makes the state unknown.
        tellRegistration();
      },
    });
  const tellRegistration = (): void => {
    if (data.watchRegistration !== false) watch.observe();
  };
  const registries = {
    gateway: start({ kind: gatewayKind, cell: data.gatewayCell, pollIntervalMs: data.gatewayPollIntervalMs }),
    provider: start({
      kind: providerKind,
      cell: data.providerCell,
      pollIntervalMs: data.providerPollIntervalMs,
    }),
  };
  const watch = createRegistrationWatch(data.owner, registries.provider.view, log);
  tellRegistration();

  const metricsRegistry = new MetricsRegistry();
  const metrics = createRegistryMetrics<RefreshFailureKind>(metricsRegistry, {
    registries: () => [
      readingOf('gateway', registries.gateway.status()),
      readingOf('provider', registries.provider.status()),
    ],
    rpcs: () =>
      endpoints.health().map(({ index, state, blockNumber }) => ({
        index,
        isUp: state === 'ok' || state === 'lagging',
        blockNumber: blockNumber ?? null,
      })),
    isRegistered() {
      const state = watch.state();
      return state === 'unknown' ? undefined : state === 'active';
    },
    maxStalenessMs: data.maxStalenessMs,
  });

  const readingOf = (registry: string, status: RegistryStatus): RegistryReading => ({
    registry,
    ageMs: status.ageMs,
    entries: status.entries,
    blockNumber: status.blockNumber,
    blockAgeMs: status.blockTimestampS === null ? null : clock.nowMs() - status.blockTimestampS * 1000,
  });

  const status = (): RegistryThreadStatus => ({
    gateway: registries.gateway.status(),
    provider: registries.provider.status(),
    registration: { owner: watch.owner, state: watch.state() },
    rpcEndpoints: endpoints.health(),
  });

  const methods: RegistryThreadMethods = {
    collectMetrics: () => snapshotMetrics(metricsRegistry),
    setLogLevel(level) {
      // A pino child keeps the level it was made with.
      for (const logger of loggers) logger.level = level;
    },
    status,
    async refresh() {
      await Promise.all([registries.gateway.refresh(), registries.provider.refresh()]);
      return status();
    },
    async close() {
      endpoints.close();
      await Promise.all([registries.gateway.close(), registries.provider.close()]);
      // After the answer is on its way; without the port nothing keeps the thread alive.
      setImmediate(() => port.close());
    },
  };
  connectThread<Record<never, never>, RegistryThreadMethods>(port, methods);
}

/**
 * Metrics of the registries and of the RPC endpoints behind them. Gauges are read from their sources at scrape
 * time, so an age is never an old age; what is not known is absent, not zero. Runs in the registry thread.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from './threadMetrics.js';

export interface RegistryReading {
  readonly registry: string;
  readonly ageMs: number | null;
  readonly entries: number | null;
  readonly blockNumber: number | null;
  readonly blockAgeMs: number | null;
}

export interface RpcReading {
  /** Position in `rpcProvider`; never the URL, which holds keys. */
  readonly index: number;
  readonly isUp: boolean;
  readonly blockNumber: number | null;
}

export interface RegistryMetricSources {
  registries(): readonly RegistryReading[];
  rpcs(): readonly RpcReading[];
  /** Whether this node's owner is an active provider; `undefined` while that is unknown. */
  isRegistered(): boolean | undefined;
  /** Above this age a registry authorises nobody. */
  readonly maxStalenessMs: number;
}

export interface RegistryMetrics<Kind extends string> {
  observeRead(registry: string, durationMs: number): void;
  countFailure(registry: string, kind: Kind): void;
}

/** Reads take tens of milliseconds on a local chain and seconds through a public endpoint. */
const durationBucketsS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createRegistryMetrics<Kind extends string>(
  registry: MetricsRegistry,
  sources: RegistryMetricSources,
): RegistryMetrics<Kind> {
  const registryGauge = (
    name: string,
    help: string,
    read: (reading: RegistryReading) => number | null,
  ): void => {
    registry.add(
      new Gauge({
        name,
        help,
        labelNames: ['registry'],
        registers: [],
        collect() {
          this.reset();
          for (const reading of sources.registries()) {
            const value = read(reading);
            if (value !== null) this.set({ registry: reading.registry }, value);
          }
        },
      }),
    );
  };
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

  registryGauge(
    'fxn_registry_age_seconds',
    'Time since the last successful read; callers are refused above registry.maxStaleness.',
    ({ ageMs }) => seconds(ageMs),
  );
  registryGauge('fxn_registry_entries', 'Entries of the last good snapshot.', ({ entries }) => entries);
  registryGauge(
    'fxn_registry_block_number',
    'Block of the last good snapshot.',
    ({ blockNumber }) => blockNumber,
  );
  registryGauge(
    'fxn_registry_block_age_seconds',
    'Time since the block of the last good snapshot was made; grows when the chain or the RPC endpoints stall.',
    ({ blockAgeMs }) => seconds(blockAgeMs),
  );

  registry.addGauge(
    'fxn_registry_max_staleness_seconds',
    'registry.maxStaleness: a registry that is older authorises nobody.',
    () => sources.maxStalenessMs / 1000,
  );

  registry.add(
    new Gauge({
      name: 'fxn_registered',
      help: '1 while this node is an active registered provider, 0 while it is absent or paused; absent while unknown.',
      registers: [],
      collect() {
        const isRegistered = sources.isRegistered();
        if (isRegistered === undefined) this.remove();
        else this.set(isRegistered ? 1 : 0);
      },
    }),
  );

  const rpcGauge = (name: string, help: string, read: (reading: RpcReading) => number | null): void => {
    registry.add(
      new Gauge({
        name,
        help,
        labelNames: ['rpc'],
        registers: [],
        collect() {
          this.reset();
          for (const reading of sources.rpcs()) {
            const value = read(reading);
            if (value !== null) this.set({ rpc: String(reading.index) }, value);
          }
        },
      }),
    );
  };
  rpcGauge('fxn_rpc_up', '1 while the RPC endpoint at this position of rpcProvider is usable.', ({ isUp }) =>
    isUp ? 1 : 0,
  );
  rpcGauge(
    'fxn_rpc_block_number',
    'Newest block of the RPC endpoint at this position of rpcProvider.',
    ({ blockNumber }) => blockNumber,
  );

  const durations = registry.add(
    new Histogram({
      name: 'fxn_registry_refresh_duration_seconds',
      help: 'How long a successful read took.',
      labelNames: ['registry'],
      buckets: durationBucketsS,
      registers: [],
    }),
  );
  const failures = registry.add(
    new Counter({
      name: 'fxn_registry_refresh_failures_total',
      help: 'Reads that failed, by kind such as timeout or wrong_chain; the last good snapshot stays in use.',
      labelNames: ['registry', 'kind'],
      registers: [],
    }),
  );
  return {
    observeRead: (name, durationMs) => durations.observe({ registry: name }, durationMs / 1000),
    countFailure: (name, kind) => failures.inc({ registry: name, kind }),
  };
}

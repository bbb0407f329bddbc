/**
 * Puts the status document together from the parts of the node. Whoever asks, however often, the parts are asked at most
 * a few times a second. Runs in main.
 */
import type { LoadHistory } from '../console/loadHistory.js';
import type {
  BackendStatus,
  ChainStatus,
  ChallengesStatus,
  ConfigurationStatus,
  GpusStatus,
  ModelStatus,
  NodeIdentity,
  Problem,
  RecentRequest,
  RegistryReport,
  RequestsStatus,
  StatusDocument,
} from '../console/statusDocument.js';
import type { Clock } from '../lib/clock.js';
import type { RegistryStatus } from '../registry/contractRegistry.js';
import type { RegistryThreadStatus } from '../registry/registryThread.js';
import { authOutcomes, firstAuthColumn, totalsColumn } from '../shm/frontTotals.js';
import type { Challenges } from './startChallenges.js';
import { warningsOf } from './statusProblems.js';

export interface NodeStatusOptions {
  readonly version: string;
  readonly identity: NodeIdentity;
  readonly startedAtMs: number;
  readonly frontsConfigured: number;
  readonly requireRegistration: 'off' | 'warn' | 'refuse';
  readonly isBypassed: boolean;
  readonly maxStalenessMs: number;
  readonly maxQueued: number;
  readonly clock: Clock;
  readonly history: LoadHistory;
  readonly challenges: Pick<Challenges, 'recent' | 'details' | 'gpus'>;
  readonly requests: { refresh(): Promise<void>; after(number: number): RecentRequest[] };
  /** `undefined` while the thread does not answer. */
  readonly registries: () => Promise<RegistryThreadStatus | undefined>;
  /** What keeps the node from serving. */
  readonly blocking: (registries: RegistryThreadStatus | undefined) => Problem[];
  readonly live: () => LiveFacts;
  /** Open requests on the public port, now. */
  readonly inFlight: () => number;
}

/** What main can read at once. */
export interface LiveFacts {
  readonly isDraining: boolean;
  readonly servingFronts: number;
  readonly restarts: number;
  readonly models: readonly Omit<ModelStatus, 'maxQueued'>[];
  readonly backends: readonly BackendStatus[];
  readonly replayTable: { readonly entries: number; readonly capacity: number };
  readonly store: { readonly up: boolean; readonly problem?: string } | undefined;
  readonly configuration: ConfigurationStatus;
}

export interface NodeStatus {
  /** With those recent requests whose numbers are above `after`. */
  document(after: number): Promise<StatusDocument>;
}

/** Several pages and programs that look at once ask the other threads once. */
const sharedForMs = 200;

export function createNodeStatus(options: NodeStatusOptions): NodeStatus {
  const { history, requests, clock } = options;
  let shared: Promise<RegistryThreadStatus | undefined> | undefined;
  let sharedAtMs = 0;

  const askThreads = (): Promise<RegistryThreadStatus | undefined> => {
    const nowMs = performance.now();
    if (shared === undefined || nowMs - sharedAtMs > sharedForMs) {
      sharedAtMs = nowMs;
      shared = Promise.all([options.registries(), requests.refresh()]).then(([registries]) => registries);
    }
    return shared;
  };

  return {
    async document(after) {
      const registries = await askThreads();
      const live = options.live();
      const nowMs = clock.nowMs();
      const chain = registries === undefined ? null : chainStatus(registries, options.maxStalenessMs);
      const models = live.models.map((model) => ({ ...model, maxQueued: options.maxQueued }));
      const parts = {
        models,
        backends: live.backends,
        chain,
        challenges: challengesStatus(options.challenges),
        gpus: gpusStatus(options.challenges),
        auth: {
          isBypassed: options.isBypassed,
          outcomes: authCounts(history),
          replayTable: live.replayTable,
          sharedStore:
            live.store === undefined ? null : { isUp: live.store.up, problem: live.store.problem ?? null },
        },
        configuration: live.configuration,
      };
      const blocking = options.blocking(registries);
      const newest = history.newest;
      return {
        version: options.version,
        atMs: nowMs,
        startedAtMs: options.startedAtMs,
        uptimeS: Math.max(0, Math.round((nowMs - options.startedAtMs) / 1_000)),
        identity: options.identity,
        state: live.isDraining ? 'draining' : blocking.length > 0 ? 'not_ready' : 'serving',
        problems: [
          ...blocking,
          ...warningsOf({ ...parts, requireRegistration: options.requireRegistration }),
        ],
        fronts: {
          configured: options.frontsConfigured,
          serving: live.servingFronts,
          restarts: live.restarts,
        },
        requests: requestsStatus(history, options.inFlight(), models),
        tokens: {
          input: history.total(totalsColumn.inputTokens),
          output: history.total(totalsColumn.outputTokens),
          inputPerSecond: newest?.inputTokensPerSecond ?? null,
          outputPerSecond: newest?.outputTokensPerSecond ?? null,
        },
        timeToFirstToken: history.firstTokens,
        ...parts,
        recentRequests: requests.after(after),
        process: {
          pid: process.pid,
          nodeVersion: process.version,
          residentBytes: process.memoryUsage.rss(),
          cpuPercent: newest?.cpuPercent ?? null,
        },
      };
    },
  };
}

function requestsStatus(
  history: LoadHistory,
  inFlight: number,
  models: readonly ModelStatus[],
): RequestsStatus {
  const byStatus = {
    '1xx-3xx': history.total(totalsColumn.completed),
    '4xx': history.total(totalsColumn.clientErrors),
    '5xx': history.total(totalsColumn.serverErrors),
    left: history.total(totalsColumn.left),
  };
  return {
    total: Object.values(byStatus).reduce((sum, count) => sum + count),
    byStatus,
    errors: history.total(totalsColumn.failed),
    perSecond: history.newest?.requestsPerSecond ?? null,
    errorsPerSecond: history.newest?.errorsPerSecond ?? null,
    inFlight,
    openStreams: history.newest?.openStreams ?? 0,
    queued: models.reduce((sum, { queued }) => sum + queued, 0),
    duration: history.durations,
  };
}

/** Outcomes that were met; there are many, and most never are. */
function authCounts(history: LoadHistory): Record<string, number> {
  const counts = authOutcomes.map(
    (outcome, place) => [outcome, history.total(firstAuthColumn + place)] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function chainStatus(status: RegistryThreadStatus, maxAgeMs: number): ChainStatus {
  return {
    gateway: registryReport(status.gateway, maxAgeMs),
    provider: registryReport(status.provider, maxAgeMs),
    registration: status.registration.state,
    rpcEndpoints: status.rpcEndpoints.map(({ label, state, blockNumber, reason }) => ({
      label,
      state,
      blockNumber: blockNumber ?? null,
      reason: reason ?? null,
    })),
  };
}

function registryReport(status: RegistryStatus, maxAgeMs: number): RegistryReport {
  const { isFresh, ageMs, entries, pendingEntries, blockNumber, blockTimestampS, address, lastError } =
    status;
  return {
    isFresh,
    ageMs,
    maxAgeMs,
    entries,
    pendingEntries,
    blockNumber,
    blockAtMs: blockTimestampS === null ? null : blockTimestampS * 1_000,
    address,
    lastError: lastError?.message ?? null,
  };
}

function challengesStatus(challenges: NodeStatusOptions['challenges']): ChallengesStatus {
  return {
    recent: challenges.recent(),
    engines: challenges.details().engines.map(({ name, backend, state, device, reason }) => ({
      name,
      backend,
      state,
      device: device ?? null,
      reason: reason ?? null,
    })),
  };
}

function gpusStatus(challenges: NodeStatusOptions['challenges']): GpusStatus {
  const { source, sampledAtMs, missing, lastError } = challenges.details().gpus;
  const sample = challenges.gpus();
  return {
    source: source ?? null,
    sampledAtMs: sampledAtMs ?? null,
    missing: missing ?? null,
    lastError: lastError ?? null,
    list: (sample?.stats ?? []).map((stat, place) => {
      const detail = sample?.details[place];
      return {
        index: detail?.index ?? place,
        name: stat.name,
        driverVersion: stat.driver_version,
        utilizationPercent: stat.utilization_gpu_pct,
        memoryUsedMiB: stat.vram_used_mb,
        memoryTotalMiB: stat.vram_total_mb,
        temperatureC: detail?.temperatureC ?? null,
        powerW: detail?.powerW ?? null,
      };
    }),
  };
}

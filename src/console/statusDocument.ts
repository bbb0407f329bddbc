/**
 * What `GET /status` on the admin port answers: the node at one moment, for the console's page and for
 * `fxn status`. Plain JSON that imports nothing, so that a browser's program can read the types too. Whatever
 * was not measured, or cannot be known now, is `null`, never 0. Times are Unix milliseconds, durations say their
 * unit. It tells nothing of what requests and answers contain, and holds no secret and no URL with a key in it.
 */

export interface StatusDocument {
  /** Of the program. */
  readonly version: string;
  readonly atMs: number;
  readonly startedAtMs: number;
  readonly uptimeS: number;
  readonly identity: NodeIdentity;
  readonly state: NodeState;
  /** Why the node does not serve, then what else needs a look; the most pressing first. */
  readonly problems: readonly Problem[];
  readonly fronts: FrontsStatus;
  readonly requests: RequestsStatus;
  readonly tokens: TokensStatus;
  /** From the head of a request to the first byte of its streamed answer. */
  readonly timeToFirstToken: Percentiles;
  readonly models: readonly ModelStatus[];
  /** One for each backend of each model; `models` says which belong together. */
  readonly backends: readonly BackendStatus[];
  /** `null` while the thread that reads the chain does not answer. */
  readonly chain: ChainStatus | null;
  readonly challenges: ChallengesStatus;
  readonly gpus: GpusStatus;
  readonly auth: AuthStatus;
  /** The last ones, the newest first. */
  readonly recentRequests: readonly RecentRequest[];
  readonly process: ProcessStatus;
  readonly configuration: ConfigurationStatus;
}

export interface NodeIdentity {
  /** The node's key, with a checksum (EIP-55). */
  readonly address: string;
  /** The provider's owner, lower case. */
  readonly owner: string;
  readonly chainId: number;
  readonly listenAddress: string;
  readonly port: number;
  readonly isTls: boolean;
  /** As configured; empty when it is not. */
  readonly publicUrl: string;
}

/** `serving`: everything that `/ready` asks for is there. */
export type NodeState = 'serving' | 'not_ready' | 'draining';

export interface Problem {
  /** `blocking` keeps the node from serving; `warning` does not, yet. */
  readonly severity: 'blocking' | 'warning';
  /** What it is about, a few words. */
  readonly subject: string;
  readonly reason: string;
  /** What the operator can do. */
  readonly remedy: string;
}

export interface FrontsStatus {
  readonly configured: number;
  readonly serving: number;
  /** Threads of any kind that failed and were replaced since the start. */
  readonly restarts: number;
}

/** Requests on the public port; `GET /health`, which load balancers ask, is left out everywhere. */
export interface RequestsStatus {
  /** Ended since the start of the node. */
  readonly total: number;
  readonly byStatus: StatusClasses;
  /** Answered with 5xx, or cut after the answer had begun. */
  readonly errors: number;
  /** Over the last interval; `null` before there was one. */
  readonly perSecond: number | null;
  readonly errorsPerSecond: number | null;
  /** Open now. */
  readonly inFlight: number;
  /** Event streams among them. */
  readonly openStreams: number;
  /** Waiting now for a free backend, over all models. */
  readonly queued: number;
  readonly duration: Percentiles;
}

export interface StatusClasses {
  readonly '1xx-3xx': number;
  readonly '4xx': number;
  readonly '5xx': number;
  /** The client was gone before the answer began. */
  readonly left: number;
}

export interface TokensStatus {
  readonly input: number;
  readonly output: number;
  readonly inputPerSecond: number | null;
  readonly outputPerSecond: number | null;
}

/** Of what ended within the last `windowS` seconds, within 10 %. */
export interface Percentiles {
  readonly windowS: number;
  readonly count: number;
  /** `null` when nothing was measured within the window. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

export interface ModelStatus {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Serves models that are not listed too. */
  readonly isDefault: boolean;
  /** Requests that wait for one of its backends. */
  readonly queued: number;
  readonly maxQueued: number;
}

export interface BackendStatus {
  /** `host:port`. */
  readonly label: string;
  /** Name in `models`. */
  readonly model: string;
  /** What the backend calls it; `null` when every name is passed on as it comes. */
  readonly upstreamModel: string | null;
  /** As configured. */
  readonly provider: string;
  /** What it turned out to be. */
  readonly kind: string | null;
  /** Whether it answered its last health check; `null` before the first. */
  readonly isUp: boolean | null;
  /** Whether it lists the model; `null` when it does not say. */
  readonly isModelListed: boolean | null;
  readonly breaker: 'closed' | 'open' | 'half_open';
  readonly inFlight: number;
  readonly maxConcurrency: number;
  readonly weight: number;
}

export interface ChainStatus {
  readonly gateway: RegistryReport;
  readonly provider: RegistryReport;
  /** Whether the node's owner is listed as a provider. */
  readonly registration: 'active' | 'paused' | 'absent' | 'unknown';
  readonly rpcEndpoints: readonly RpcEndpointStatus[];
}

export interface RegistryReport {
  /** Recent enough to authorise anybody. */
  readonly isFresh: boolean;
  /** Since the last good read. */
  readonly ageMs: number | null;
  readonly maxAgeMs: number;
  readonly entries: number | null;
  /** Entries that wait for confirmations. */
  readonly pendingEntries: number | null;
  readonly blockNumber: number | null;
  readonly blockAtMs: number | null;
  /** Of the contract. */
  readonly address: string | null;
  /** Why the last read failed; `null` after a good one. */
  readonly lastError: string | null;
}

export interface RpcEndpointStatus {
  /** Scheme, host and port. */
  readonly label: string;
  readonly state: 'unknown' | 'ok' | 'lagging' | 'failed' | 'wrong_chain';
  readonly blockNumber: number | null;
  /** Why it is not used. */
  readonly reason: string | null;
}

export interface ChallengesStatus {
  /** The last ones, the newest first. */
  readonly recent: readonly RecentChallenge[];
  readonly engines: readonly EngineStatus[];
}

export interface RecentChallenge {
  readonly atMs: number;
  /** Request id. */
  readonly id: string;
  readonly caller: string;
  /** A known type, or `unknown`. */
  readonly type: string;
  /** `answered`, `left` by its scheduler, or the code of the refusal. */
  readonly outcome: string;
  readonly durationMs: number;
  /** In words, where it was not answered. */
  readonly reason: string | null;
}

export interface EngineStatus {
  readonly name: string;
  readonly backend: string;
  readonly state: 'starting' | 'ready' | 'disabled';
  readonly device: string | null;
  readonly reason: string | null;
}

export interface GpusStatus {
  /** What the figures come from. */
  readonly source: string | null;
  readonly sampledAtMs: number | null;
  /** Why there are no figures; `null` where there are. */
  readonly missing: 'not_sampled' | 'no_gpu' | 'stale' | null;
  readonly lastError: string | null;
  readonly list: readonly GpuStatus[];
}

export interface GpuStatus {
  readonly index: number;
  readonly name: string | null;
  readonly driverVersion: string | null;
  readonly utilizationPercent: number | null;
  readonly memoryUsedMiB: number | null;
  readonly memoryTotalMiB: number | null;
  readonly temperatureC: number | null;
  readonly powerW: number | null;
}

export interface AuthStatus {
  /** True when nobody has to sign. */
  readonly isBypassed: boolean;
  /** How often each outcome was met since the start: `accepted`, `bypassed`, `error`, or the code of a refusal. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly replayTable: { readonly entries: number; readonly capacity: number };
  /** Of the store that several nodes share; `null` where there is none. */
  readonly sharedStore: { readonly isUp: boolean; readonly problem: string | null } | null;
}

export interface RecentRequest {
  /** Counts up over all requests that main has heard of; what `after` of `GET /status` refers to. */
  readonly number: number;
  /** When it ended. */
  readonly atMs: number;
  readonly id: string;
  /** The route's pattern. */
  readonly endpoint: string;
  /** The configured name; `null` where no model was asked for. */
  readonly model: string | null;
  /** Label of the backend that was asked last. */
  readonly backend: string | null;
  /** Lower-case address; `null` where nobody signed. */
  readonly caller: string | null;
  /** 499 when the client left before the answer began. */
  readonly status: number;
  readonly end: 'complete' | 'client_closed' | 'cut';
  readonly durationMs: number;
  /** To the first byte of an event stream. */
  readonly firstTokenMs: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** The backend did not count them. */
  readonly areTokensEstimated: boolean;
  /** Code of the error that was answered or that cut the answer. */
  readonly errorCode: string | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface ProcessStatus {
  readonly pid: number;
  readonly nodeVersion: string;
  /** All threads, without child processes. */
  readonly residentBytes: number;
  /** Of one core, over the last interval. */
  readonly cpuPercent: number | null;
}

export interface ConfigurationStatus {
  /** When the models in force were loaded. */
  readonly loadedAtMs: number;
  /** Sections of `config.yaml` that a reload found changed and that only a restart applies. */
  readonly needRestart: readonly string[];
}

/** What `GET /status/history` answers: one row for each sample, in columns of equal length, the oldest first. */
export interface HistoryDocument {
  /** Between two samples. */
  readonly intervalMs: number;
  readonly atMs: readonly number[];
  readonly requestsPerSecond: Column;
  readonly errorsPerSecond: Column;
  readonly inputTokensPerSecond: Column;
  readonly outputTokensPerSecond: Column;
  readonly inFlight: Column;
  readonly openStreams: Column;
  readonly queued: Column;
  readonly durationP50Ms: Column;
  readonly durationP95Ms: Column;
  readonly firstTokenP50Ms: Column;
  readonly firstTokenP95Ms: Column;
  readonly cpuPercent: Column;
  readonly gpus: readonly GpuHistory[];
}

export interface GpuHistory {
  readonly index: number;
  readonly utilizationPercent: Column;
  readonly memoryUsedMiB: Column;
}

/** `null` where it was not measured. */
export type Column = readonly (number | null)[];

/** What `POST /console/reload` answers. */
export interface ReloadReport {
  readonly isApplied: boolean;
  /** What is wrong with the files, each with its place; empty when they were applied. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly needRestart: readonly string[];
  /** Served from now on. */
  readonly models: number;
}

/** What `GET /console/configuration` answers. */
export interface ConfigurationDocument {
  readonly configFile: string;
  readonly modelBackendFile: string;
  /** Both files as they are in force, secrets hidden, as YAML. */
  readonly config: string;
  readonly modelBackends: string;
}

/**
 * What the console shows and does, put together from the parts of the node; and the history behind its charts, which is
 * sampled whether anybody looks or not. Runs in main.
 */
import type { ConsoleSource } from '../console/consoleServer.js';
import { historyIntervalMs, LoadHistory } from '../console/loadHistory.js';
import type { NodeIdentity, ReloadReport } from '../console/statusDocument.js';
import { packageVersion } from '../lib/packageVersion.js';
import { requestColumn } from '../shm/inFlightTable.js';
import { type LiveFactsOptions, readLiveFacts } from './liveFacts.js';
import type { NodeReadiness } from './nodeReadiness.js';
import { createNodeStatus } from './nodeStatus.js';
import type { SharedTables } from './sharedTables.js';
import type { Challenges } from './startChallenges.js';
import type { Fronts } from './startFronts.js';
import type { ModelsInForce } from './startModels.js';
import type { Registry } from './startRegistry.js';

export interface ConsoleSourceOptions extends LiveFactsOptions {
  readonly identity: Pick<NodeIdentity, 'address' | 'owner' | 'port'>;
  readonly frontsConfigured: number;
  readonly tables: Pick<SharedTables, 'totals' | 'inFlight' | 'replayTable'>;
  readonly models: Pick<ModelsInForce, 'routed' | 'models' | 'backends' | 'queued'>;
  readonly registry: Pick<Registry, 'status'>;
  readonly challenges: Pick<Challenges, 'recent' | 'details' | 'gpus'>;
  readonly fronts: Pick<Fronts, 'serving' | 'requests'>;
  readonly readiness: Pick<NodeReadiness, 'blocking'>;
  readonly reload: () => Promise<ReloadReport>;
  /** Asks whoever runs this node to close it. */
  readonly askToDrain: () => void;
}

export interface NodeConsole extends ConsoleSource {
  close(): void;
}

export function createConsoleSource(options: ConsoleSourceOptions): NodeConsole {
  const { settings, tables, models, registry, challenges, fronts, readiness, clock } = options;
  const { config } = settings.loaded;
  const inFlight = (): number => tables.inFlight.total(requestColumn);
  const history = new LoadHistory({
    totals: tables.totals,
    inFlight,
    queued: models.queued,
    gpus: challenges.gpus,
    clock,
  });
  const timer = setInterval(() => history.sample(), historyIntervalMs);
  timer.unref();
  const status = createNodeStatus({
    version: packageVersion(import.meta.url),
    identity: {
      ...options.identity,
      chainId: config.chainId,
      listenAddress: config.node.listenAddress,
      isTls: config.node.tls.certFile !== '',
      publicUrl: config.node.publicUrl,
    },
    startedAtMs: clock.nowMs(),
    frontsConfigured: options.frontsConfigured,
    requireRegistration: config.registry.requireRegistration,
    isBypassed: config.registry.bypassAuth,
    maxStalenessMs: config.registry.maxStaleness,
    maxQueued: config.proxy.queue.maxWaiting,
    clock,
    history,
    challenges,
    requests: fronts.requests,
    registries: registry.status,
    blocking: readiness.blocking,
    live: () => readLiveFacts(options),
    inFlight,
  });
  return {
    status: (after) => status.document(after),
    history: (afterMs) => history.document(afterMs),
    async configuration() {
      // Looked at rarely: no start loads it.
      const { printConfigFiles } = await import('../config/printConfig.js');
      const { loaded } = settings;
      return {
        configFile: loaded.paths.configFile,
        modelBackendFile: loaded.paths.modelBackendFile,
        ...printConfigFiles(loaded),
      };
    },
    reload: options.reload,
    drain: options.askToDrain,
    close: () => clearInterval(timer),
  };
}

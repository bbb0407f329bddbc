/**
 * What the console shows and does, put together from the parts of the node; and the history behind its charts, which is
 * sampled whether anybody looks or not. Runs in main.
 */
import type { LoadedConfig } from '../config/loadConfig.js';
import type { ConsoleSource } from '../console/consoleServer.js';
import { historyIntervalMs, LoadHistory } from '../console/loadHistory.js';
import type { ReloadReport } from '../console/statusDocument.js';
import type { Clock } from '../lib/clock.js';
import { packageVersion } from '../lib/packageVersion.js';
import type { FrontTotals } from '../shm/frontTotals.js';
import { createNodeStatus, type NodeStatusOptions } from './nodeStatus.js';

export interface ConsoleSourceOptions
  extends Omit<NodeStatusOptions, 'version' | 'history' | 'startedAtMs' | 'maxStalenessMs' | 'maxQueued'> {
  readonly totals: FrontTotals;
  /** Requests that wait for a backend, now. */
  readonly queued: () => number;
  readonly clock: Clock;
  /** As it is in force. */
  readonly loaded: () => LoadedConfig;
  readonly reload: () => Promise<ReloadReport>;
  readonly drain: () => void;
}

export interface NodeConsole extends ConsoleSource {
  close(): void;
}

export function createConsoleSource(options: ConsoleSourceOptions): NodeConsole {
  const { totals, clock, loaded, inFlight, queued, challenges } = options;
  const history = new LoadHistory({
    totals,
    inFlight,
    queued,
    gpus: challenges.gpus,
    clock,
  });
  const timer = setInterval(() => history.sample(), historyIntervalMs);
  timer.unref();
  const { config } = loaded();
  const status = createNodeStatus({
    ...options,
    version: packageVersion(import.meta.url),
    history,
    startedAtMs: clock.nowMs(),
    maxStalenessMs: config.registry.maxStaleness,
    maxQueued: config.proxy.queue.maxWaiting,
  });
  return {
    status: (after) => status.document(after),
    history: (afterMs) => history.document(afterMs),
    async configuration() {
      // Looked at rarely: no start loads it.
      const { printConfigFiles } = await import('../config/printConfig.js');
      const { paths } = loaded();
      return {
        configFile: paths.configFile,
        modelBackendFile: paths.modelBackendFile,
        ...printConfigFiles(loaded()),
      };
    },
    reload: options.reload,
    drain: options.drain,
    close: () => clearInterval(timer),
  };
}

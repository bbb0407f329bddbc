/** The inference routes of a front, as the configuration says. Runs on the fronts. */
import type { Logger } from '../logger/logger.js';
import type { FrontMetrics } from '../metrics/frontMetrics.js';
import { createInference, type Inference } from '../openai/inference.js';
import type { ServedModels } from '../openai/servedModels.js';
import { BackendHealth } from '../shm/backendHealth.js';
import { Breakers } from '../shm/breakers.js';
import { InFlightTable } from '../shm/inFlightTable.js';
import { WaitingLines } from '../shm/waitingLines.js';
import type { FrontData } from './frontThread.js';

export interface FrontInferenceOptions {
  readonly data: FrontData;
  /** The models that are served now. */
  readonly models: () => ServedModels;
  readonly metrics: FrontMetrics;
  readonly log: Logger;
}

export function frontInference({ data, models, metrics, log }: FrontInferenceOptions): Inference {
  const { config, memory } = data;
  return createInference({
    front: data.index,
    fronts: data.fronts,
    models,
    states: {
      inFlight: new InFlightTable(memory.inFlight),
      health: new BackendHealth(memory.health),
      breakers: new Breakers(memory.breakers, {
        failures: config.proxy.breaker.failures,
        openForMs: config.proxy.breaker.openFor,
      }),
    },
    lines: new WaitingLines(memory.waitingLines),
    queue: { maxWaiting: config.proxy.queue.maxWaiting, maxWaitMs: config.proxy.queue.maxWait },
    retryBudgetPercent: config.proxy.retryBudgetPercent,
    affinity: config.proxy.affinity,
    timeouts: {
      connectMs: config.proxy.connectTimeout,
      firstByteMs: config.proxy.firstByteTimeout,
      idleMs: config.proxy.idleTimeout,
      totalMs: config.proxy.totalTimeout,
    },
    // As the Go node reads it: 0 is no limit.
    maxIdleConnections: config.proxy.maxIdleConns || Number.POSITIVE_INFINITY,
    idleConnectionMs: config.proxy.idleConnTimeout,
    countAdmission: metrics.countAdmission,
    keepAliveMs: config.proxy.keepAliveComments,
    countError: metrics.countUpstreamError,
    countRetry: metrics.countRetry,
    report: (x, backend, err, isRetried) =>
      log.warn({ id: x.id, phase: x.phase, endpoint: x.endpoint, backend, isRetried, err }, 'backend failed'),
    reportOpened: (backend) =>
      log.warn({ backend, openForMs: config.proxy.breaker.openFor }, 'backend gets no requests for a while'),
  });
}

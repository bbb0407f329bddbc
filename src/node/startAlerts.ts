/**
 * The built-in alerts, put together: what main knows of the node becomes facts, and a webhook gets what changes.
 * Without a webhook nothing of it is loaded and nothing runs. Runs in main.
 */
import { hostname } from 'node:os';
import type { AlertFacts, RegistryFacts } from '../alerts/alertRules.js';
import type { AlertWatch } from '../alerts/watchAlerts.js';
import type { Config } from '../config/config.js';
import { redactUrl } from '../config/redactConfig.js';
import type { Clock } from '../lib/clock.js';
import { packageVersion } from '../lib/packageVersion.js';
import type { Logger } from '../logger/logger.js';
import { createAlertCounter } from '../metrics/alertMetrics.js';
import type { MetricsRegistry } from '../metrics/threadMetrics.js';
import type { RegistryStatus } from '../registry/contractRegistry.js';
import type { Drain } from './drain.js';
import type { NodeReadiness } from './nodeReadiness.js';
import type { Challenges } from './startChallenges.js';
import type { ModelsInForce } from './startModels.js';
import type { Registry } from './startRegistry.js';

export interface AlertsOptions {
  /** As at the start; what alerts go by cannot be changed by a reload, but for the URL. */
  readonly config: Config;
  /** The key's, with its checksum. */
  readonly address: string;
  readonly registry: Pick<Registry, 'status'>;
  readonly readiness: Pick<NodeReadiness, 'withRegistries'>;
  readonly models: Pick<ModelsInForce, 'models' | 'backends'>;
  readonly challenges: Pick<Challenges, 'vitals'>;
  readonly drain: Pick<Drain, 'hasBegun'>;
  readonly metricsRegistry: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Alerts {
  /**
   * Posts to this URL from now on; `''` = nowhere. A new receiver knows nothing, so it is told of what is on then; the
   * one before is told nothing more.
   */
  use(url: string): Promise<void>;
  close(): Promise<void>;
}

export function startAlerts(options: AlertsOptions): Alerts {
  const { config, address, metricsRegistry, clock, log } = options;
  const { registry, readiness, models, challenges, drain } = options;
  let watch: AlertWatch | undefined;
  let current = '';
  let count: ReturnType<typeof createAlertCounter> | undefined;
  const isRegistrationWatched = config.registry.requireRegistration !== 'off';

  const facts = async (): Promise<AlertFacts> => {
    const registries = await registry.status();
    return {
      isDraining: drain.hasBegun,
      missing: readiness.withRegistries(registries).missing,
      registries: registries && [
        factsOf('gateway', registries.gateway, clock),
        factsOf('provider', registries.provider, clock),
      ],
      registration: isRegistrationWatched ? registries?.registration.state : undefined,
      backends: models.backends().map(({ label, isUp }) => ({ backend: label, isUp: isUp ?? undefined })),
      queues: models.models().map(({ name, queued }) => ({
        model: name,
        waiting: queued,
        maxWaiting: config.proxy.queue.maxWaiting,
      })),
      ...challenges.vitals(),
    };
  };

  const change = async (url: string): Promise<void> => {
    if (url === current) return;
    await watch?.close();
    watch = undefined;
    current = url;
    if (url === '') {
      log.info('alerts are posted no more');
      return;
    }
    count ??= createAlertCounter(metricsRegistry);
    const { watchAlerts } = await import('../alerts/watchAlerts.js');
    const { publicUrl } = config.node;
    const node = {
      address,
      name: publicUrl === '' ? hostname() : new URL(publicUrl).host,
      version: packageVersion(import.meta.url),
    };
    watch = watchAlerts({ url, node, facts, count, clock, log });
    log.info({ webhook: redactUrl(url) }, 'alerts are posted');
  };

  /** Two reloads may come at once. */
  let changing: Promise<void> = Promise.resolve();
  const use = (url: string): Promise<void> => {
    changing = changing.catch(() => undefined).then(() => change(url));
    return changing;
  };
  return {
    use,
    async close() {
      await changing.catch(() => undefined);
      await watch?.close();
    },
  };
}

function factsOf(name: string, status: RegistryStatus, clock: Clock): RegistryFacts {
  const { isFresh, ageMs, blockTimestampS, lastError } = status;
  return {
    name,
    isFresh,
    ageMs,
    blockAgeMs: blockTimestampS === null ? null : clock.nowMs() - blockTimestampS * 1_000,
    problem: lastError?.message,
  };
}

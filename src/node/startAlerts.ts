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
import type { RegistryThreadStatus } from '../registry/registryThread.js';
import type { Readiness } from './readiness.js';
import type { ChallengeVitals } from './startChallenges.js';

export interface AlertSources {
  readonly registries: RegistryThreadStatus | undefined;
  readonly readiness: Readiness;
  readonly isDraining: boolean;
  readonly backends: AlertFacts['backends'];
  readonly queues: AlertFacts['queues'];
  readonly challenges: ChallengeVitals;
}

export interface AlertsOptions {
  /** As at the start; what alerts go by cannot be changed by a reload, but for the URL. */
  readonly config: Config;
  /** The key's, with its checksum. */
  readonly address: string;
  readonly read: () => Promise<AlertSources>;
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

export function startAlerts({ config, address, read, metricsRegistry, clock, log }: AlertsOptions): Alerts {
  let watch: AlertWatch | undefined;
  let current = '';
  let count: ReturnType<typeof createAlertCounter> | undefined;
  const isRegistrationWatched = config.registry.requireRegistration !== 'off';

  const facts = async (): Promise<AlertFacts> => {
    const { registries, readiness, isDraining, backends, queues, challenges } = await read();
    return {
      isDraining,
      missing: readiness.missing,
      registries: registries && [
        factsOf('gateway', registries.gateway, clock),
        factsOf('provider', registries.provider, clock),
      ],
      registration: isRegistrationWatched ? registries?.registration.state : undefined,
      backends,
      queues,
      ...challenges,
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

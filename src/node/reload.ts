/** Loads both configuration files again and puts in force what can change while the node runs. Runs in main. */
import { problemsIn } from '../config/configError.js';
import { type LoadConfigOptions, type LoadedConfig, loadConfig } from '../config/loadConfig.js';
import type { ReloadReport } from '../console/statusDocument.js';
import type { Logger } from '../logger/logger.js';
import type { NodeMetrics } from '../metrics/nodeMetrics.js';
import type { SettingsInForce } from './settingsInForce.js';
import type { Alerts } from './startAlerts.js';
import type { Fronts } from './startFronts.js';
import type { ModelsInForce } from './startModels.js';
import type { Registry } from './startRegistry.js';

export interface ReloadOptions {
  /** How the configuration was loaded at the start. */
  readonly source: LoadConfigOptions;
  readonly settings: SettingsInForce;
  readonly models: Pick<ModelsInForce, 'routed' | 'use'>;
  readonly fronts: Pick<Fronts, 'update'>;
  readonly registry: Pick<Registry, 'setLogLevel'>;
  readonly alerts: Pick<Alerts, 'use'>;
  readonly countReload: NodeMetrics['countReload'];
  readonly log: Logger;
}

/** A bad file changes nothing. Applies models, backends, log level and webhook. */
export function createReload(options: ReloadOptions): () => Promise<ReloadReport> {
  const { source, settings, models, fronts, registry, alerts, countReload, log } = options;

  return async () => {
    let fresh: LoadedConfig;
    try {
      fresh = loadConfig(source);
      models.use(fresh.modelBackends);
    } catch (err) {
      countReload('refused');
      log.error({ err }, 'reload refused: the old configuration stays');
      return {
        isApplied: false,
        problems: problemsIn(err),
        warnings: [],
        needRestart: settings.needRestart,
        models: models.routed.models.length,
      };
    }
    const { warnings } = fresh;
    for (const warning of warnings) log.warn({ warning }, 'configuration');
    settings.apply(fresh);
    const { logLevel, needRestart } = settings;
    log.level = logLevel;
    await fronts.update();
    await registry.setLogLevel(logLevel).catch((err: unknown) => {
      log.warn({ err }, 'the registry thread keeps its log level');
    });
    await alerts.use(fresh.config.alerts.webhookUrl);
    countReload('applied');
    if (needRestart.length > 0) {
      log.warn({ sections: needRestart }, 'changed settings that only a restart applies');
    }
    const served = models.routed.models.length;
    log.info({ models: served, logLevel }, 'reloaded models, backends, log level and webhook');
    return { isApplied: true, problems: [], warnings, needRestart, models: served };
  };
}

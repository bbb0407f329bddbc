/** The configuration in force: as at the start, but for what a reload applies. Runs in main. */
import type { Config } from '../config/config.js';
import type { LoadedConfig } from '../config/loadConfig.js';
import type { LogLevel } from '../logger/logger.js';

/** Sections of the configuration that a reload applies. */
export const reloadedSections = ['logger', 'alerts'] as const satisfies readonly (keyof Config)[];

export class SettingsInForce {
  readonly #atStart: Config;
  #loaded: LoadedConfig;
  #needRestart: readonly string[] = [];

  constructor(loaded: LoadedConfig) {
    this.#atStart = loaded.config;
    this.#loaded = loaded;
  }

  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  get logLevel(): LogLevel {
    return this.#loaded.config.logger.verbosity;
  }

  /** Sections that the last reload found changed and that only a restart applies. */
  get needRestart(): readonly string[] {
    return this.#needRestart;
  }

  apply({ config, modelBackends }: LoadedConfig): void {
    const { logger, alerts } = config;
    this.#loaded = { ...this.#loaded, config: { ...this.#atStart, logger, alerts }, modelBackends };
    this.#needRestart = sectionsThatNeedRestart(this.#atStart, config);
  }
}

function sectionsThatNeedRestart(before: Config, after: Config): string[] {
  const sections = Object.keys(before) as (keyof Config)[];
  return sections.filter(
    (name) =>
      !reloadedSections.some((section) => section === name) &&
      JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}

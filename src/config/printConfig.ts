/** The effective configuration as YAML, secrets hidden. Runs in the command line and in main. */
import { stringify } from 'yaml';
import type { LoadedConfig } from './loadConfig.js';
import { redactConfig } from './redactConfig.js';

/** Both files as two documents, each headed by its path. */
export function printConfig(loaded: LoadedConfig): string {
  const { config, modelBackends } = printConfigFiles(loaded);
  return [
    `# ${loaded.paths.configFile}\n${config}`,
    `---\n# ${loaded.paths.modelBackendFile}\n${modelBackends}`,
  ].join('\n');
}

/** Each file by itself. */
export function printConfigFiles(loaded: Pick<LoadedConfig, 'config' | 'modelBackends'>): {
  readonly config: string;
  readonly modelBackends: string;
} {
  const { config, modelBackends } = redactConfig(loaded);
  return { config: stringify(config).trimEnd(), modelBackends: stringify(modelBackends).trimEnd() };
}

/** The effective configuration as YAML, secrets hidden. Runs in the command line. */
import { stringify } from 'yaml';
import type { LoadedConfig } from './loadConfig.js';
import { redactConfig } from './redactConfig.js';

/** Both files as two documents, each headed by its path. */
export function printConfig(loaded: LoadedConfig): string {
  const { config, modelBackends } = redactConfig(loaded);
  return [
    `# ${loaded.paths.configFile}\n${stringify(config).trimEnd()}`,
    `---\n# ${loaded.paths.modelBackendFile}\n${stringify(modelBackends).trimEnd()}`,
  ].join('\n');
}

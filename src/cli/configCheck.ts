/** `fxn config check`: loads both files as the node would and prints what is in force, secrets hidden. */
import { stringify } from 'yaml';
import { ConfigError, problemText } from '../config/configError.js';
import { type LoadConfigOptions, loadConfig } from '../config/loadConfig.js';
import { redactConfig } from '../config/redactConfig.js';
import type { CliIo } from './cliIo.js';

/** The exit code: 0, or 2 when the configuration does not hold. */
export function runConfigCheck(options: LoadConfigOptions, io: Pick<CliIo, 'out' | 'err'>): number {
  try {
    const loaded = loadConfig(options);
    const { config, modelBackends } = redactConfig(loaded);
    io.out(`# ${loaded.paths.configFile}\n${stringify(config).trimEnd()}`);
    io.out(`---\n# ${loaded.paths.modelBackendFile}\n${stringify(modelBackends).trimEnd()}`);
    for (const warning of loaded.warnings) io.err(`warning: ${warning}`);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const problem of thrown.problems) io.err(problemText(problem));
    return 2;
  }
}

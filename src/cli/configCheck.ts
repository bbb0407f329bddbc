/** `fxn config check`: loads both files as the node would and prints what is in force, secrets hidden. */
import { ConfigError, problemText } from '../config/configError.js';
import { type LoadConfigOptions, loadConfig } from '../config/loadConfig.js';
import { printConfig } from '../config/printConfig.js';
import type { CliIo } from './cliIo.js';
import { exitCodes } from './exitCode.js';

/** The exit code. */
export function runConfigCheck(options: LoadConfigOptions, io: Pick<CliIo, 'out' | 'err'>): number {
  try {
    const loaded = loadConfig(options);
    io.out(printConfig(loaded));
    for (const warning of loaded.warnings) io.err(`warning: ${warning}`);
    return exitCodes.done;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const problem of thrown.problems) io.err(problemText(problem));
    return exitCodes.misused;
  }
}

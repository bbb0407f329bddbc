/** Declares `fxn config check`. Runs in the command line. */
import { resolveHome } from '../../lib/homePaths.js';
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';

export const declareConfig = (commands: Commands, choose: Choose): Commands =>
  commands.command('config', 'Checks the configuration: config check', (group) =>
    group
      .usage('$0 config <command>')
      .command(
        'check',
        'Prints the configuration in force, or everything that is wrong with it',
        (options) =>
          withConfigFiles(options).usage(
            '$0 config check\n\nLoads both files as the node would and prints what is in force, secrets hidden.\nWhat is wrong is listed with file, line and column, and the exit code is 2.',
          ),
        ({ home, config, modelBackend }) =>
          choose(async (io) => {
            const { runConfigCheck } = await import('../configCheck.js');
            const { env } = io;
            const files = { configFile: config, modelBackendFile: modelBackend };
            return runConfigCheck({ home: resolveHome(home, env), ...files, env }, io);
          }),
      )
      .demandCommand(1, 1, 'Which command?'),
  );

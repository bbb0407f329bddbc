/** Declares `fxn start`. Runs in the command line. */
import { warmThreads } from '../warmThreads.js';
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';

export const declareStart = (commands: Commands, choose: Choose): Commands =>
  commands.command(
    'start',
    'Runs the node until a signal ends it',
    (options) =>
      withConfigFiles(options)
        .usage(
          '$0 start\n\nRuns the node. The first start writes commented configuration files and a key, and says so.',
        )
        .epilogue(
          'SIGTERM and SIGINT let running answers end, SIGHUP reads both files again. The same as "node dist/main.js".',
        ),
    ({ home, config, modelBackend }) =>
      choose(async ({ env }) => {
        const warm = warmThreads();
        const { start } = await import('../start.js');
        await start({ home, config, modelBackend }, { env, warm });
        return undefined;
      }),
  );

/** Declares `fxn start`. Runs in the command line. */
import { startAction } from '../startAction.js';
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';

/** `act` is `startAction` unless told. */
export const declareStart = (commands: Commands, choose: Choose, act = startAction): Commands =>
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
    ({ home, config, modelBackend }) => choose(act({ home, config, modelBackend })),
  );

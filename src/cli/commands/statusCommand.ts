/** Declares `fxn status`. Runs in the command line. */
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';
import { untilInterrupted } from './interruption.js';

export const declareStatus = (commands: Commands, choose: Choose): Commands =>
  commands.command(
    'status',
    'Shows what the running node does, live on a terminal',
    (options) =>
      withConfigFiles(options)
        .usage(
          '$0 status\n\nShows load, tokens, latency, problems, backends, registries, GPUs and challenges of the running node; "q" ends it. Without a terminal a line is printed at each interval.\nExit code 0, or 2 when no node answers.',
        )
        .options({
          once: { type: 'boolean', describe: 'Shows everything once and ends' },
          interval: {
            type: 'string',
            requiresArg: true,
            default: '1s',
            describe: 'Between two looks, such as 500ms or 5s',
          },
          url: {
            type: 'string',
            requiresArg: true,
            describe: "The admin port of the node (default: this home's own)",
          },
          'token-file': {
            type: 'string',
            requiresArg: true,
            describe: "File with the console's token (default: this home's own)",
          },
          json: { type: 'boolean', describe: 'Prints the whole status document as JSON, once' },
        }),
    (args) =>
      choose(async (io) => {
        const { status } = await import('../status/status.js');
        const { stdout: output, stdin: input } = process;
        const terminal = output.isTTY ? { output, input } : undefined;
        return untilInterrupted((signal) => status(args, { ...io, signal }, terminal));
      }),
  );

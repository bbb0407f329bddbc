/** Declares `fxn send`. Runs in the command line. */
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';
import { untilInterrupted } from './interruption.js';
import { signingOptions } from './signingOptions.js';

export const declareSend = (commands: Commands, choose: Choose): Commands =>
  commands.command(
    'send <path> [body]',
    'Signs a request as a gateway or scheduler does, and streams the answer',
    (options) =>
      withConfigFiles(options)
        .usage(
          '$0 send <path> [body]\n\nSigns a request as a gateway or scheduler does and streams the answer to standard output.\nExit code 0 for an answer of 2xx, 1 for any other, 2 for a wrong call.',
        )
        .positional('path', { type: 'string', demandOption: true, describe: 'Such as /v1/models' })
        .positional('body', { type: 'string', describe: 'The body; @FILE = a file, "-" = standard input' })
        .options({
          method: {
            alias: 'X',
            type: 'string',
            requiresArg: true,
            describe: 'HTTP method (default: POST with a body, else GET)',
          },
          url: { type: 'string', requiresArg: true, describe: "The node (default: this home's own)" },
          ...signingOptions,
          raw: {
            type: 'boolean',
            describe: 'On a terminal, shows event streams as they are, not their text',
          },
          timing: {
            type: 'boolean',
            describe: 'Says how fast a completion came (on a terminal always)',
          },
        })
        .epilogue(
          "The models of this home's node, as the gateway whose key that is:\n  fxn send /v1/models --key gateway.json\nA chat with another node:\n  fxn send /v1/chat/completions @chat.json --url https://node.example --key gateway.json",
        ),
    (args) =>
      choose(async (io) => {
        const { send } = await import('../send.js');
        return untilInterrupted((signal) => send(args, { ...io, signal }));
      }),
  );

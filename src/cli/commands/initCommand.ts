/** Declares `fxn init`. Runs in the command line. */
import { resolveHome } from '../../lib/homePaths.js';
import type { Choose, Commands } from './action.js';
import { untilInterrupted } from './interruption.js';
import { lastOfEach } from './lastOfEach.js';

const text = { type: 'string', requiresArg: true } as const;
const texts = { type: 'string', array: true, nargs: 1 } as const;

export const declareInit = (commands: Commands, choose: Choose): Commands =>
  commands.command(
    'init',
    'Finds what is on this machine and writes configuration and key of a node',
    (options) =>
      options
        .parserConfiguration({ 'duplicate-arguments-array': true, 'boolean-negation': false })
        .usage(
          '$0 init\n\nLooks for inference servers, GPUs and an RPC endpoint, asks for the rest on a terminal, and writes config.yaml, model_backend.yaml and a key. What exists is never overwritten; what would be different is said.\nExit code 0 when all is as asked for, 1 when a file that exists says otherwise, 2 for a wrong call.',
        )
        .options({
          yes: {
            type: 'boolean',
            alias: 'y',
            describe: 'Asks nothing: takes what is found and the defaults',
          },
          model: {
            ...texts,
            describe:
              'NAME=URL, or NAME=URL#WHAT_THE_SERVER_CALLS_IT; may be repeated (default: all that are found)',
          },
          rpc: { ...texts, describe: 'URL of an RPC endpoint; may be repeated' },
          scheduler: { ...text, describe: "Address of the scheduler (default: the network's)" },
          router: { ...text, describe: "Address of the Router contract (default: the network's)" },
          'chain-id': {
            type: 'number',
            requiresArg: true,
            describe: 'Chain of the registries (default: Base Sepolia)',
          },
          owner: { ...text, describe: "The provider's owner, where it is not the node's key" },
          'public-url': { ...text, describe: 'URL under which gateways reach the node' },
          listen: {
            ...text,
            describe: 'HOST:PORT for gateways (default: 127.0.0.1 and a free port from 8080)',
          },
          admin: {
            ...text,
            describe: 'HOST:PORT for metrics and console (default: 127.0.0.1 and a free port from 9090)',
          },
          scan: { ...texts, describe: 'Another host to look for inference servers on; may be repeated' },
          'password-file': {
            ...text,
            describe: "File with the key's password (else FXN_KEY_PASSWORD, else asked)",
          },
          plain: { type: 'boolean', describe: 'A key without encryption' },
        })
        .epilogue(
          'A node in front of the Ollama of this machine:\n  fxn init --yes\nOne in front of another server:\n  fxn init --yes --model llama-3=http://10.0.0.5:8000 --public-url https://node.example.com',
        ),
    (args) =>
      choose(async (io) => {
        const { init } = await import('../init/init.js');
        const last = lastOfEach(args, ['model', 'rpc', 'scan']);
        const options = { ...last, home: resolveHome(args.home, io.env) };
        return untilInterrupted((signal) => init(options, { ...io, signal }));
      }),
  );

/** Declares `fxn challenge verify` and `fxn challenge run`. Runs in the command line. */
import { wantedBackends } from '../../compute/wantedBackend.js';
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';
import { untilInterrupted } from './interruption.js';
import { lastOfEach } from './lastOfEach.js';
import { signingOptions } from './signingOptions.js';

const json = { type: 'boolean', describe: 'One line of JSON each, on a terminal too' } as const;

export const declareChallenge = (commands: Commands, choose: Choose): Commands =>
  commands.command('challenge', 'Challenges nodes as the scheduler does: verify, run', (group) =>
    group
      .usage('$0 challenge <command>\n\nWhat the scheduler asks of nodes, signed with its key.')
      .command(
        'verify',
        'Checks that nodes multiply matrices themselves, and how fast',
        (options) =>
          withConfigFiles(options)
            // Two of its options may be given more than once.
            .parserConfiguration({ 'duplicate-arguments-array': true, 'boolean-negation': false })
            .usage(
              '$0 challenge verify --node URL --address 0x…\n\nHas nodes multiply matrices that they could not know before and checks rows of the product.\nExit code 0 when all are verified, 1 when one is refused, 2 for a wrong call or when one cannot be reached.',
            )
            .options({
              node: {
                type: 'string',
                array: true,
                nargs: 1,
                demandOption: true,
                describe: 'URL of a node; may be repeated: all are challenged at the same moment',
              },
              address: {
                type: 'string',
                array: true,
                nargs: 1,
                demandOption: true,
                describe: 'Address whose key the node must have; one for each --node, in the same order',
              },
              ...signingOptions,
              'chain-id': {
                ...signingOptions['chain-id'],
                describe: "The chain that the proof is made for (default: this home's, else Base Sepolia)",
              },
              size: { type: 'number', default: 1_024, requiresArg: true, describe: 'Rows of the matrices' },
              rounds: {
                type: 'number',
                default: 1,
                requiresArg: true,
                describe: 'Products, each of which starts from the result of the one before',
              },
              rows: {
                type: 'number',
                default: 64,
                requiresArg: true,
                describe: 'Rows to check in each round, at most 1024',
              },
              backend: {
                choices: wantedBackends,
                requiresArg: true,
                describe: "Engine (default: the node's choice)",
              },
              json,
            })
            .epilogue(
              'Two nodes that might be one machine:\n  fxn challenge verify --key scheduler.json --size 4096 \\\n    --node https://a.example --address 0x… --node https://b.example --address 0x…',
            ),
        (args) =>
          choose(async (io) => {
            const { challengeVerify } = await import('../challengeVerify.js');
            const options = lastOfEach(args, ['node', 'address']);
            return untilInterrupted((signal) => challengeVerify(options, { ...io, signal }));
          }),
      )
      .command(
        'run',
        'Sends a challenge of any type and prints the answer',
        (options) =>
          withConfigFiles(options)
            .usage(
              '$0 challenge run --type TYPE\n\nSends a challenge and prints the answer. Exit code 0 for an answer of 2xx, 1 for any other, 2 for a wrong call.',
            )
            .options({
              type: {
                type: 'string',
                requiresArg: true,
                demandOption: true,
                describe: 'Such as IDENTITY or GPU_STATS',
              },
              payload: {
                type: 'string',
                requiresArg: true,
                describe: 'JSON; @FILE = a file, "-" = standard input (default: {})',
              },
              node: {
                type: 'string',
                requiresArg: true,
                describe: "URL of the node (default: this home's own)",
              },
              ...signingOptions,
              json,
            })
            .epilogue(
              'Who answers at a URL:\n  fxn challenge run --type IDENTITY --node https://node.example --key scheduler.json',
            ),
        (args) =>
          choose(async (io) => {
            const { challengeRun } = await import('../challengeRun.js');
            return untilInterrupted((signal) => challengeRun(args, { ...io, signal }));
          }),
      )
      .demandCommand(1, 1, 'Which command?'),
  );

/**
 * Declares `fxn accounts …` (also `fxn account …`) and the same commands as the program `fxn-keys`. Runs in the
 * command line.
 */
import { resolveHome } from '../../lib/homePaths.js';
import type { Choose, Commands } from './action.js';

export const declareAccounts = (commands: Commands, choose: Choose): Commands =>
  commands.command(['accounts', 'account'], 'Creates, shows, imports and exports keys', (group) =>
    declareKeyCommands(
      group
        .usage(
          '$0 accounts <command>\n\nThe keys of this node: nodekey.json in the home folder, others in keys/.',
        )
        .epilogue('A key that exists is never overwritten, and only "export" ever prints one.'),
      choose,
    ).demandCommand(1, 1, 'Which command?'),
  );

const name = {
  type: 'string',
  requiresArg: true,
  describe: 'The key keys/NAME.json instead of nodekey.json',
} as const;
const passwordFile = {
  type: 'string',
  requiresArg: true,
  describe: "File with the key's password (else FXN_KEY_PASSWORD, else asked)",
} as const;
const plain = {
  type: 'boolean',
  describe: "No encryption: the Go node's format",
} as const;

export const declareKeyCommands = (commands: Commands, choose: Choose): Commands =>
  commands
    .command(
      'new',
      'Creates a key and prints its address',
      (options) => options.options({ name, 'password-file': passwordFile, plain }),
      (args) =>
        choose(async (io) => {
          const { accountsNew } = await import('../accounts.js');
          return accountsNew({ ...args, home: resolveHome(args.home, io.env) }, io);
        }),
    )
    .command(
      'get',
      'Shows the address of a key',
      (options) => options.options({ name, 'password-file': passwordFile }),
      (args) =>
        choose(async (io) => {
          const { accountsGet } = await import('../accounts.js');
          return accountsGet({ ...args, home: resolveHome(args.home, io.env) }, io);
        }),
    )
    .command(
      'list',
      'Lists all keys',
      (options) => options,
      (args) =>
        choose(async (io) => {
          const { accountsList } = await import('../accounts.js');
          return accountsList({ home: resolveHome(args.home, io.env) }, io);
        }),
    )
    .command(
      'import [file]',
      'Takes over a key from a file, standard input or the terminal',
      (options) =>
        options
          .positional('file', {
            type: 'string',
            describe: 'Hex digits or a key file; "-" = standard input; absent = asked',
          })
          .options({
            name,
            'password-file': passwordFile,
            'source-password-file': {
              type: 'string',
              requiresArg: true,
              describe: 'File with the password of the key file that is imported',
            },
            plain,
          }),
      ({ file, ...args }) =>
        choose(async (io) => {
          const { accountsImport } = await import('../accounts.js');
          const from = file === '@-' ? '-' : file;
          return accountsImport({ ...args, from, home: resolveHome(args.home, io.env) }, io);
        }),
    )
    .command(
      'export',
      'Writes a key to a file or standard output',
      (options) =>
        options.options({
          name,
          'password-file': passwordFile,
          out: { type: 'string', requiresArg: true, describe: 'File to write; absent = standard output' },
          'new-password-file': {
            type: 'string',
            requiresArg: true,
            describe: 'File with the password that the exported key gets',
          },
          plain,
          yes: { type: 'boolean', describe: 'Prints a plain key without asking' },
        }),
      (args) =>
        choose(async (io) => {
          const { accountsExport } = await import('../accounts.js');
          return accountsExport({ ...args, home: resolveHome(args.home, io.env) }, io);
        }),
    );

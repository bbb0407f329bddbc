/**
 * From the words of the command line to the action they ask for. Parsing and acting are apart: a command's
 * declaration only chooses an action, and an action loads what it needs when it runs, so that help and errors
 * come at once. Runs in the command line.
 */
import yargs from 'yargs';
import { packageVersion } from '../lib/packageVersion.js';
import { declareAccounts, declareKeyCommands } from './commands/accountsCommands.js';
import type { Action, Choose, Commands } from './commands/action.js';
import { declareChallenge } from './commands/challengeCommands.js';
import { declareConfig } from './commands/configCommand.js';
import { declareDoctor } from './commands/doctorCommand.js';
import { declareGpu } from './commands/gpuCommands.js';
import { declareInit } from './commands/initCommand.js';
import { declareProvider } from './commands/providerCommands.js';
import { declareSend } from './commands/sendCommand.js';
import { declareStart } from './commands/startCommand.js';
import { declareStatus } from './commands/statusCommand.js';
import { exitCodes } from './exitCode.js';
import { misuseText } from './misuse.js';
import { createProcessIo } from './processIo.js';
import { runAction } from './runAction.js';

export type ProgramName = 'fxn' | 'fxn-keys';

interface Program {
  readonly usage: string;
  readonly declare: (commands: Commands, choose: Choose) => Commands;
  readonly epilogue: string;
}

const programs = {
  fxn: {
    usage: '$0 <command>\n\nSells a GPU box or an API to decentralised networks.',
    declare: (commands, choose) =>
      [
        declareInit,
        declareStart,
        declareDoctor,
        declareStatus,
        declareAccounts,
        declareConfig,
        declareSend,
        declareChallenge,
        declareProvider,
        declareGpu,
      ].reduce((declared, declare) => declare(declared, choose), commands),
    epilogue: '"fxn COMMAND --help" tells more about a command. A new node: "fxn init", then "fxn start".',
  },
  'fxn-keys': {
    usage: '$0 <command>\n\nThe keys of a node: the same commands as "fxn accounts".',
    declare: declareKeyCommands,
    epilogue: 'A key that exists is never overwritten, and only "export" ever prints one.',
  },
} as const satisfies Record<ProgramName, Program>;

export type Parsed =
  | { readonly kind: 'action'; readonly action: Action }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'misuse'; readonly text: string };

const maxHelpColumns = 110;

/** Touches nothing but the arguments. */
export async function parseCommandLine(name: ProgramName, args: readonly string[]): Promise<Parsed> {
  let action: Action | undefined;
  let misuse: string | undefined;
  let text = '';
  const program = programs[name];
  const globals = yargs()
    .scriptName(name)
    .locale('en')
    .usage(program.usage)
    .epilogue(program.epilogue)
    .version(packageVersion(import.meta.url))
    .exitProcess(false)
    .strict()
    .demandCommand(1, 1, 'Which command?')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false })
    .option('home', {
      type: 'string',
      requiresArg: true,
      global: true,
      describe: 'Folder of configuration and keys (default: FXN_HOME, else ~/.fxn)',
    })
    .help('help', 'Shows this help')
    .alias('help', 'h');
  const declared = program
    .declare(globals, (chosen) => {
      action = chosen;
    })
    .wrap(Math.min(maxHelpColumns, process.stdout.columns ?? 80))
    .fail((message, error, reached) => {
      // Called for each rule that is broken; the first one is nearest to what was typed.
      if (misuse !== undefined) return;
      if (message === null || message === undefined) throw error;
      reached.showHelp((help) => {
        misuse = misuseText({ message, help, args });
      });
    });
  await declared.parseAsync(args.map(standardInputAsFile), {}, (_error, _argv, output) => {
    text = output;
  });
  if (misuse !== undefined) return { kind: 'misuse', text: misuse };
  return action === undefined ? { kind: 'text', text } : { kind: 'action', action };
}

/** yargs turns a lone hyphen into an empty word, so it travels in the form that curl has for the same. */
const standardInputAsFile = (arg: string): string => (arg === '-' ? '@-' : arg);

/** The exit code; `undefined` when the program goes on until a signal ends it. */
export async function runProgram(name: ProgramName, args: readonly string[]): Promise<number | undefined> {
  const io = createProcessIo();
  const parsed = await parseCommandLine(name, args);
  switch (parsed.kind) {
    case 'text':
      io.out(parsed.text);
      return exitCodes.done;
    case 'misuse':
      io.err(parsed.text);
      return exitCodes.misused;
    case 'action':
      return runAction(parsed.action);
  }
}

/**
 * A command line that yargs refused, in words for whoever typed it: what is wrong, what was probably meant, and
 * the help of the command that was reached. Runs in the command line.
 */
import { nearestName } from '../lib/nearestName.js';

export interface Misuse {
  /** As yargs says it. */
  readonly message: string;
  /** The help of the command that was reached. */
  readonly help: string;
  readonly args: readonly string[];
}

/** Ends with the sentence, because the help may be longer than the screen. */
export function misuseText(misuse: Misuse): string {
  return `${misuse.help}\n\n${withoutKeys(sentenceOf(misuse))}`;
}

function sentenceOf({ message, help, args }: Misuse): string {
  const unknown = /^Unknown (?:argument|command)s?: (.*)$/.exec(message)?.[1]?.split(', ')[0];
  if (unknown !== undefined) {
    const isFlag = args.some((arg) => arg.startsWith('-') && flagName(arg) === unknown);
    const nearest = nearestName(unknown, isFlag ? flagsIn(help) : commandsIn(help));
    const hint = nearest === undefined ? '' : ` Did you mean "${isFlag ? '--' : ''}${nearest}"?`;
    if (isFlag) return `There is no option "${unknown.length === 1 ? '-' : '--'}${unknown}".${hint}`;
    const noun = commandsIn(help).length > 0 ? 'There is no command' : 'One word too many:';
    return `${noun} "${unknown}".${hint}`;
  }
  const valueless = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (valueless !== undefined) return `--${valueless} needs a value.`;
  if (message.startsWith('Not enough non-option arguments'))
    return `Something is missing: ${help.split('\n')[0]}`;
  return message;
}

const flagName = (arg: string): string => arg.replace(/^--?/, '').replace(/=.*$/s, '');

/** The help lists exactly what can be typed at this place. */
function flagsIn(help: string): string[] {
  return [...help.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map((match) => match[1]!);
}

function commandsIn(help: string): string[] {
  const list = /^Commands:\n((?: {2}.*\n?)*)/m.exec(help)?.[1] ?? '';
  return list.split('\n').flatMap((line) => {
    // `  fxn send <path> [body]   what it does`: the last plain word of the first column.
    const column = line.trim().split(/ {2,}/)[0] ?? '';
    const words = column.split(' ').filter((word) => /^[a-z]/.test(word));
    return words.slice(1).slice(-1);
  });
}

/** A key that was typed in the wrong place is not repeated into logs. */
const withoutKeys = (text: string): string => text.replaceAll(/(?:0x)?[0-9a-fA-F]{60,}/g, '[hex not shown]');

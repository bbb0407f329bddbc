/**
 * The words of an ordinary start, `start` and options with plain values, read without the parser of the command
 * line, which takes longer to load than a thread. Whatever else the words say is left to that parser: help, errors,
 * abbreviations. So both must read these words alike. Runs in main, first thing of a start.
 */
import type { StartOptions } from './start.js';

const option = /^--(home|config|model-backend)(?:=(.*))?$/s;
/** The parser takes quotes off values, knows a lone hyphen, and takes what begins with one for an option. */
const plainValue = /^[^-"'`][^"'`]*$/;

/** `undefined` when the words ask for anything else. */
export function readPlainStart([command, ...words]: readonly string[]): StartOptions | undefined {
  if (command !== 'start') return undefined;
  const values = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const [, name, attached] = option.exec(words[at] ?? '') ?? [];
    const value = attached ?? words[++at];
    if (name === undefined || value === undefined || !plainValue.test(value) || values.has(name))
      return undefined;
    values.set(name, value);
  }
  return {
    home: values.get('home'),
    config: values.get('config'),
    modelBackend: values.get('model-backend'),
  };
}

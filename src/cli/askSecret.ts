/**
 * Asking for a password on a terminal without showing it. The prompt goes to standard error, so that standard
 * output stays clean for what a command prints. Runs in the command line.
 */
import { StringDecoder } from 'node:string_decoder';

export type AskSecret = (prompt: string) => Promise<string>;

/** The user pressed Ctrl-C, or the terminal went away; the terminal is back as it was. */
export class SecretAborted extends Error {
  constructor() {
    super('The input was broken off.');
    this.name = 'SecretAborted';
  }
}

/** The parts of `process.stdin` that are used. */
export interface SecretInput {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
  off(event: 'end' | 'close', listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface SecretOutput {
  write(text: string): unknown;
}

/** `undefined` when there is no terminal to ask on. */
export function createAskSecret(
  input: SecretInput = process.stdin,
  output: SecretOutput = process.stderr,
): AskSecret | undefined {
  if (input.isTTY !== true || input.setRawMode === undefined) return undefined;
  // What was pasted behind the end of a line is the answer to the next question.
  let pasted = '';

  return (prompt) =>
    new Promise((resolve, reject) => {
      const decoder = new StringDecoder('utf8');
      let typed = '';
      const onData = (bytes: Buffer) => take(decoder.write(bytes));
      const onGone = () => finish(() => reject(new SecretAborted()));
      const finish = (settle: () => void) => {
        input.off('data', onData);
        input.off('end', onGone);
        input.off('close', onGone);
        input.setRawMode?.(false);
        input.pause();
        output.write('\n');
        settle();
      };
      const take = (text: string) => {
        const line = typeSecret(typed, text);
        typed = line.typed;
        pasted = line.rest;
        if (line.end === 'submitted') finish(() => resolve(typed));
        if (line.end === 'aborted') onGone();
      };

      output.write(prompt);
      input.setRawMode?.(true);
      input.on('data', onData);
      input.on('end', onGone);
      input.on('close', onGone);
      input.resume();
      if (pasted !== '') take(pasted);
    });
}

export interface TypedSecret {
  readonly typed: string;
  readonly end: 'submitted' | 'aborted' | undefined;
  /** What came behind the key that ended the line. */
  readonly rest: string;
}

/** Arrow and function keys, and the marks that some terminals put around a paste. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's keys are control characters
const escapeSequences = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)?/g;

/** The line after some more keys: in raw mode the editing is ours. */
export function typeSecret(before: string, keys: string): TypedSecret {
  const characters = Array.from(before);
  const incoming = Array.from(keys.replace(escapeSequences, ''));
  for (const [at, key] of incoming.entries()) {
    switch (key) {
      case '\r':
      case '\n': {
        const isPair = key === '\r' && incoming[at + 1] === '\n';
        return {
          typed: characters.join(''),
          end: 'submitted',
          rest: incoming.slice(at + (isPair ? 2 : 1)).join(''),
        };
      }
      case '\x03':
        return { typed: '', end: 'aborted', rest: '' };
      case '\x04':
        if (characters.length === 0) return { typed: '', end: 'aborted', rest: '' };
        break;
      case '\x15':
        characters.length = 0;
        break;
      case '\x7f':
      case '\b':
        characters.pop();
        break;
      default:
        if (key >= ' ') characters.push(key);
    }
  }
  return { typed: characters.join(''), end: undefined, rest: '' };
}

/**
 * Asking for a line on a terminal, which shows and edits it itself. The prompt goes to standard error, so that
 * standard output stays clean for what a command prints. Runs in the command line.
 */
import { StringDecoder } from 'node:string_decoder';
import { SecretAborted, type SecretInput, type SecretOutput } from './askSecret.js';

/** The line without its end. */
export type AskLine = (prompt: string) => Promise<string>;

/** `undefined` when there is no terminal to ask on. Rejects with `SecretAborted` when the terminal goes away. */
export function createAskLine(
  input: SecretInput = process.stdin,
  output: SecretOutput = process.stderr,
): AskLine | undefined {
  if (input.isTTY !== true) return undefined;
  const decoder = new StringDecoder('utf8');
  // What was pasted behind the end of a line is the answer to the next question.
  let typed = '';

  return (prompt) =>
    new Promise((resolve, reject) => {
      const take = (): boolean => {
        const end = typed.indexOf('\n');
        if (end === -1) return false;
        const line = typed.slice(0, end).replace(/\r$/, '');
        typed = typed.slice(end + 1);
        stop();
        resolve(line);
        return true;
      };
      const onData = (bytes: Buffer): void => {
        typed += decoder.write(bytes);
        take();
      };
      const onGone = (): void => {
        stop();
        output.write('\n');
        reject(new SecretAborted());
      };
      const stop = (): void => {
        input.off('data', onData);
        input.off('end', onGone);
        input.off('close', onGone);
        input.pause();
      };
      output.write(prompt);
      input.on('data', onData);
      input.on('end', onGone);
      input.on('close', onGone);
      if (!take()) input.resume();
    });
}

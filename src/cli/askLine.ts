/**
 * Asking a question on a terminal. The prompt goes to standard error, so that standard output stays clean for what a
 * command prints. Runs in the command line.
 */
import { SecretAborted } from './askSecret.js';

export type AskLine = (prompt: string) => Promise<string>;

/** `undefined` when there is no terminal to ask on. Rejects when the input is broken off. */
export function createAskLine(): AskLine | undefined {
  const { stdin: input, stderr: output } = process;
  if (input.isTTY !== true) return undefined;
  return async (prompt) => {
    // Loaded where it is used: a start of the node asks nothing.
    const { createInterface } = await import('node:readline');
    return new Promise((resolve, reject) => {
      const terminal = createInterface({ input, output });
      // Ctrl-C and the end of the input; after an answer this changes nothing any more.
      terminal.once('close', () => reject(new SecretAborted()));
      terminal.once('SIGINT', () => terminal.close());
      terminal.question(prompt, (answer) => {
        resolve(answer);
        terminal.close();
      });
    });
  };
}

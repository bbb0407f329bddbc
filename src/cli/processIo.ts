/** The terminal, pipes and environment that this process really has. Runs in the command line. */
import { createAskLine } from './askLine.js';
import { createAskSecret } from './askSecret.js';
import type { CliIo, StreamIo } from './cliIo.js';

/** Back to the first column, and what stands behind the cursor goes. */
const eraseLine = '\r\x1b[K';

export function createProcessIo(): CliIo & Omit<StreamIo, 'signal'> {
  const { stdin, stdout, stderr } = process;
  const progress =
    stderr.isTTY === true ? (line: string) => void stderr.write(`${eraseLine}${line}`) : undefined;
  return {
    progress,
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    askSecret: createAskSecret(),
    askLine: createAskLine(),
    env: process.env,
    async readStdin() {
      const pieces: Buffer[] = [];
      for await (const piece of stdin) pieces.push(piece as Buffer);
      return Buffer.concat(pieces).toString('utf8');
    },
    stdin,
    stdout,
  };
}

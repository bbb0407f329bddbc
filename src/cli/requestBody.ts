/** The body of `fxn send`: the argument itself, a file, or standard input. Runs in the command line. */
import { readFile } from 'node:fs/promises';
import type { StreamIo } from './cliIo.js';
import { UsageError } from './usageError.js';

/** Empty when there is no argument. */
export async function readRequestBody(
  argument: string | undefined,
  { stdin }: Pick<StreamIo, 'stdin'>,
): Promise<Uint8Array> {
  if (argument === undefined) return new Uint8Array();
  if (argument === '-' || argument === '@-') {
    const pieces: Buffer[] = [];
    for await (const piece of stdin) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }
  if (!argument.startsWith('@')) return Buffer.from(argument, 'utf8');
  const file = argument.slice(1);
  try {
    return await readFile(file);
  } catch (cause) {
    throw new UsageError(
      `${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)}).`,
    );
  }
}

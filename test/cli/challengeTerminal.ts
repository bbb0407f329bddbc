/** A terminal, or a pipe, that a challenge command runs on in a test: what was typed comes from the words. */
import { Writable } from 'node:stream';
import type { CliIo, StreamIo } from '#src/cli/cliIo.js';
import type { ActionIo } from '#src/cli/commands/action.js';
import { parseCommandLine } from '#src/cli/program.js';

export interface Terminal {
  readonly isTTY?: boolean;
  readonly stdin?: readonly string[];
  readonly env?: Record<string, string>;
}

export function terminalOf({ isTTY = false, stdin = [], env = {} }: Terminal = {}) {
  const printed = { out: '', err: '', progress: [] as string[] };
  const interruption = new AbortController();
  const stdout = new Writable({
    write(piece: Buffer, _encoding, done) {
      printed.out += piece.toString('utf8');
      done();
    },
  });
  const io: CliIo & StreamIo = {
    out: (line) => {
      printed.out += `${line}\n`;
    },
    err: (line) => {
      printed.err += `${line}\n`;
    },
    ...(isTTY ? { progress: (line: string) => void printed.progress.push(line) } : {}),
    env: { FXN_HOME: '/no/such/home', ...env },
    stdin: (async function* () {
      yield* stdin;
    })(),
    stdout: Object.assign(stdout, { isTTY }),
    signal: interruption.signal,
  };
  return { io, printed, interruption };
}

/** What a line typed on this terminal does, from the words on. */
export async function typed(words: readonly string[], terminal?: Terminal) {
  const { io, printed } = terminalOf(terminal);
  const parsed = await parseCommandLine('fxn', words);
  if (parsed.kind !== 'action') return { exitCode: parsed.kind, ...printed, out: parsed.text };
  const exitCode = await parsed.action(io satisfies ActionIo);
  return { exitCode, ...printed };
}

/** The executable `fxn`, run as an operator runs it, while the test's own servers go on answering. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithTests } from './endWithTests.js';

export const fxnEntry = fileURLToPath(import.meta.resolve('#dist/cli/fxn.js'));

export interface FinishedCommand {
  /** The exit code; `null` after a signal. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** Ends the command once it has printed this. */
  readonly interruptAt?: string;
}

export function runFxn(args: readonly string[], options: RunOptions = {}): Promise<FinishedCommand> {
  const { env = {}, input = '', interruptAt } = options;
  const child = spawn(process.execPath, [fxnEntry, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, FXN_KEY_PASSWORD: undefined, FXN_HOME: undefined, ...env },
  });
  endWithTests(child);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const printed = { out: '', err: '' };
  const collect = (stream: 'out' | 'err') => (piece: Buffer) => {
    printed[stream] += piece.toString('utf8');
    if (interruptAt !== undefined && printed[stream].includes(interruptAt)) child.kill('SIGINT');
  };
  child.stdout.on('data', collect('out'));
  child.stderr.on('data', collect('err'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...printed }));
  });
}

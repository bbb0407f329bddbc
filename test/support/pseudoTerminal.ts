/**
 * A program on a real terminal: `script` of util-linux opens a pseudo terminal and hands on what it shows. Suites that
 * use it need `script`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { endWithTests } from './endWithTests.js';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface PseudoTerminal {
  readonly child: ChildProcess;
  /** All that was shown so far, control sequences included. */
  readonly shown: () => string;
  /** Resolves when it has been shown; rejects when the program ends before. */
  shows(wanted: string | ((shown: string) => boolean)): Promise<void>;
  type(text: string): void;
  readonly ended: Promise<number | null>;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** @param words the program and its arguments */
export function onTerminal(
  words: readonly string[],
  size: TerminalSize,
  env: Readonly<Record<string, string | undefined>> = {},
): PseudoTerminal {
  const { columns, rows } = size;
  const command = `stty cols ${columns} rows ${rows}; exec ${words.map(quoted).join(' ')}`;
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: undefined, ...env },
  });
  endWithTests(child);
  let text = '';
  let isOver = false;
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString('utf8');
    child.emit('shown');
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      isOver = true;
      resolve(code);
      child.emit('shown');
    });
  });
  return {
    child,
    shown: () => text,
    ended,
    type: (keys) => void child.stdin.write(keys),
    async shows(wanted) {
      const isThere = (): boolean => (typeof wanted === 'string' ? text.includes(wanted) : wanted(text));
      while (!isThere()) {
        if (isOver) throw new Error(`ended without showing ${String(wanted)}:\n${text}`);
        await new Promise((resolve) => child.once('shown', resolve));
      }
    },
  };
}

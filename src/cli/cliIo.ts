/**
 * What a command may touch of the terminal it runs on, handed in so that tests run commands without one. Runs
 * in the command line.
 */
import type { Writable } from 'node:stream';

export interface CliIo {
  /** Writes one line (or several) to standard output and ends it with a newline. */
  out(text: string): void;
  /** The same to standard error. */
  err(text: string): void;
  /** Hidden input on a terminal; absent when there is no terminal. */
  readonly askSecret?: ((prompt: string) => Promise<string>) | undefined;
  /** A line of input on a terminal; absent when there is no terminal. */
  readonly askLine?: ((prompt: string) => Promise<string>) | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Shows a line on standard error that the next one replaces, and the empty one removes; absent when standard error
   * is no terminal.
   */
  readonly progress?: ((line: string) => void) | undefined;
  /** All of standard input. */
  readonly readStdin?: (() => Promise<string>) | undefined;
}

/** For a command that passes bytes on while they arrive. */
export interface StreamIo {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Aborts with Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What the end of a command means to the shell: the one table, and which failure means what. Runs in main and the command line. */
import { NodeError } from '../errors/nodeError.js';
import { SecretAborted } from './askSecret.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export const exitCodes = {
  done: 0,
  failed: 1,
  /** Usage, configuration or key: whoever called can mend it. */
  misused: 2,
  /** The port or the home folder belongs to another process. */
  inUse: 3,
  /** A defect of this program (EX_SOFTWARE): the service manager should start it again. */
  internal: 70,
  /** Broken off with Ctrl-C. */
  interrupted: 130,
} as const;

export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof SecretAborted) return exitCodes.interrupted;
  if (thrown instanceof UsageError) return exitCodes.misused;
  if (!(thrown instanceof NodeError)) return exitCodes.internal;
  switch (thrown.code) {
    case 'config_invalid':
    case 'key_file':
      return exitCodes.misused;
    case 'port_in_use':
    case 'home_locked':
      return exitCodes.inUse;
    case 'internal_error':
      return exitCodes.internal;
    default:
      return exitCodes.failed;
  }
}

export async function withExitCode(
  io: CliIo,
  work: () => Promise<number>,
  codeOf: (thrown: unknown) => number = exitCodeOf,
): Promise<number> {
  try {
    return await work();
  } catch (thrown) {
    return reportFailure(thrown, io, codeOf);
  }
}

/** Says what went wrong, a defect with its stack, and returns the exit code. */
export function reportFailure(
  thrown: unknown,
  io: Pick<CliIo, 'err'>,
  codeOf: (thrown: unknown) => number = exitCodeOf,
): number {
  const exitCode = codeOf(thrown);
  if (exitCode === exitCodes.interrupted) return exitCode;
  if (!(thrown instanceof Error)) io.err(String(thrown));
  else io.err(exitCode === exitCodes.internal ? (thrown.stack ?? thrown.message) : thrown.message);
  return exitCode;
}

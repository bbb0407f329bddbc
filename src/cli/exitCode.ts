/**
 * What a command's failure means to the shell: 1 failed, 2 called wrongly, 130 broken off with Ctrl-C. Runs in
 * the command line.
 */
import { NodeError } from '#src/errors/nodeError.js';
import { SecretAborted } from './askSecret.js';
import type { CliIo } from './cliIo.js';
import { UsageError } from './usageError.js';

export const exitCodes = { done: 0, failed: 1, misused: 2, interrupted: 130 } as const;

export async function withExitCode(io: CliIo, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (thrown) {
    return reportFailure(thrown, io);
  }
}

/** Exit codes for what can be expected; anything else is a defect and goes on up. */
export function reportFailure(thrown: unknown, io: CliIo): number {
  if (thrown instanceof SecretAborted) return exitCodes.interrupted;
  if (thrown instanceof UsageError) {
    io.err(thrown.message);
    return exitCodes.misused;
  }
  if (thrown instanceof NodeError && (thrown.code === 'key_file' || thrown.code === 'config_invalid')) {
    io.err(thrown.message);
    return thrown.code === 'key_file' ? exitCodes.failed : exitCodes.misused;
  }
  throw thrown;
}

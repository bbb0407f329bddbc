/**
 * What every executable file does: checks that this Node.js can run the node before anything that depends on it
 * is loaded, then runs the program, an ordinary start without a detour. Runs in main and the command line.
 */
import { runtimeProblem } from '../lib/supportedRuntime.js';
import { exitCodes } from './exitCode.js';
import { readPlainStart } from './plainStart.js';
import type { ProgramName } from './program.js';
import { runAction } from './runAction.js';
import { startAction } from './startAction.js';

/** What a shell reports for a program that a closed pipe ended. */
const exitClosedPipe = 141;

export async function launch(name: ProgramName, args: readonly string[]): Promise<void> {
  const problem = runtimeProblem({
    version: process.versions.node,
    abi: process.versions.modules,
    platform: process.platform,
    arch: process.arch,
  });
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    process.exitCode = exitCodes.failed;
    return;
  }
  // `fxn … | head` closes the pipe while there is more to say: no fault, and nobody to tell.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitClosedPipe);
    throw error;
  });
  const exitCode = await run(name, args);
  if (exitCode !== undefined) process.exitCode = exitCode;
}

async function run(name: ProgramName, args: readonly string[]): Promise<number | undefined> {
  const plainStart = name === 'fxn' ? readPlainStart(args) : undefined;
  if (plainStart !== undefined) return runAction(startAction(plainStart));
  const { runProgram } = await import('./program.js');
  return runProgram(name, args);
}

/** Does what the words of the command line asked for, and says what went wrong. Runs in main and the command line. */
import type { Action } from './commands/action.js';
import { reportFailure } from './exitCode.js';
import { createProcessIo } from './processIo.js';

/** The exit code; `undefined` when the program goes on until a signal ends it. */
export async function runAction(action: Action): Promise<number | undefined> {
  const io = createProcessIo();
  try {
    return await action(io);
  } catch (thrown) {
    return reportFailure(thrown, io);
  }
}

/** What the command `start` does. Its threads load while its own modules do. Runs in main. */
import type { Action } from './commands/action.js';
import type { StartOptions } from './start.js';
import { warmThreads } from './warmThreads.js';

export const startAction =
  (options: StartOptions): Action =>
  async ({ env }) => {
    const warm = warmThreads();
    const { start } = await import('./start.js');
    await start(options, { env, warm });
    return undefined;
  };

/** The home folder before anything is read from or written into it. Runs in main. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { NodeError } from '../errors/nodeError.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';

/** Makes the folder when there is none. Throws `config_invalid` when it cannot be made or written. */
export function prepareHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    accessSync(home, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new NodeError('config_invalid', {
      message: `The home folder ${home} cannot be created or written (${code}): choose another --home or FXN_HOME.`,
      meta: { path: home },
      cause,
    });
  }
}

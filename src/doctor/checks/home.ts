/** The home folder and the disk that it is on. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { systemErrorCode } from '../../lib/systemErrorCode.js';
import type { Check } from '../check.js';
import type { MachineContext } from '../context.js';
import { type Finding, failure, ok, warning } from '../finding.js';

/** The node writes snapshots of some megabytes; logs and models of others fill a disk much faster. */
const lowBytes = 1_024 ** 3;
const leastBytes = 64 * 1_024 ** 2;

export const checkHome: Check<MachineContext> = {
  group: 'Machine',
  title: 'home folder',
  deadlineMs: 5_000,
  async run({ paths: { home } }) {
    const title = 'Home folder';
    try {
      const { mode } = await stat(home);
      await access(home, constants.R_OK | constants.W_OK | constants.X_OK);
      const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0;
      const folder = isOpen
        ? warning({
            id: 'home_open_to_others',
            title,
            detail: `other users of this machine can look into ${home}`,
            remedy: `chmod 700 ${home}`,
          })
        : ok('home', title, home);
      return [folder, await diskFinding(home)];
    } catch (thrown) {
      const code = systemErrorCode(thrown);
      if (code === undefined) throw thrown;
      return [
        failure({
          id: 'home_unwritable',
          title,
          detail: `${home} cannot be read and written (${code})`,
          remedy:
            code === 'ENOENT'
              ? 'write one with "fxn init", or choose another with --home or FXN_HOME'
              : 'give it to the user of the node, or choose another with --home or FXN_HOME',
        }),
      ];
    }
  },
};

async function diskFinding(home: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  const title = 'Disk';
  if (free >= lowBytes) return ok('disk', title, `${(free / 1_024 ** 3).toFixed(1)} GB free`);
  const trouble = {
    id: 'disk_low',
    title,
    detail: `only ${Math.round(free / 1_024 ** 2)} MB free where ${home} is`,
    remedy: 'free space there: without any, registry snapshots and keys cannot be written',
  } as const;
  return free < leastBytes ? failure(trouble) : warning(trouble);
}

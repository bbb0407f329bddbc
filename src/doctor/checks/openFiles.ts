/** How many files and sockets a process may have open; each request takes two sockets. */
import { readFile } from 'node:fs/promises';
import type { Check } from '../check.js';
import type { MachineContext } from '../context.js';
import { failure, ok, skipped, warning } from '../finding.js';

const few = 4_096;
/** A node opens some hundred of its own. */
const tooFew = 512;

export const checkOpenFiles: Check<MachineContext> = {
  group: 'Machine',
  title: 'open files',
  deadlineMs: 2_000,
  async run() {
    const title = 'Open files';
    // Node.js raises its own limit to the hard one when it starts, so both are the same here.
    const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
    const [, limit] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
    if (limit === undefined) return [skipped('open_files', title, 'this system does not tell its limit')];
    const count = limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
    if (count >= few) return [ok('open_files', title, `up to ${limit}`)];
    const trouble = {
      id: 'open_files_low',
      title,
      detail: `at most ${limit}: about ${Math.max(0, Math.floor((count - tooFew / 2) / 2))} requests at once`,
      remedy: 'raise it: LimitNOFILE=65536 in the systemd unit, or "ulimit -n 65536" before the start',
    } as const;
    return [count < tooFew ? failure(trouble) : warning(trouble)];
  },
};

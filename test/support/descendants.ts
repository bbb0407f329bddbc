/**
 * What a program has started, with everything that this started in turn: found and ended, also what outlived its
 * parent. Runs in the test runner.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface Descendant {
  readonly pid: number;
  readonly command: string;
}

/** A second SIGTERM ends those who wait for open work, as a node does; SIGKILL the others. */
const attempts: readonly (readonly [signal: NodeJS.Signals, graceMs: number])[] = [
  ['SIGTERM', 2_000],
  ['SIGTERM', 5_000],
  ['SIGKILL', 2_000],
];
const pollMs = 20;

/**
 * Those who run now. `leader` was started `detached` and so leads a process group; `mark` is a path that stands
 * in the command lines of descendants with a group of their own. Empty on systems without `/proc`.
 */
export function findDescendants(leader: number, mark: string): Descendant[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  const found: Descendant[] = [];
  for (const name of names) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const seen = readProcess(pid);
    if (seen === undefined) continue;
    if (seen.group === leader || seen.command.includes(mark)) found.push({ pid, command: seen.command });
  }
  return found;
}

/** `undefined` for one that has ended, whether or not somebody has asked for its exit code. */
function readProcess(pid: number): { group: number; command: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces and parentheses itself.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { group: Number(group), command };
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

/** Ends all of them and waits until they are gone. */
export async function endDescendants(leader: number, mark: string): Promise<void> {
  for (const [signal, graceMs] of attempts) {
    signalTo(-leader, signal);
    for (const { pid } of findDescendants(leader, mark)) {
      if (signal === 'SIGKILL') signalTo(pid, signal);
    }
    await untilGone(leader, mark, graceMs);
    if (findDescendants(leader, mark).length === 0) break;
  }
  // Where nobody can be found, nobody was waited for.
  signalTo(-leader, 'SIGKILL');
}

/** Waits until none is left, at most so long; a process that was killed may take a moment to go. */
export async function untilGone(leader: number, mark: string, patienceMs: number): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (findDescendants(leader, mark).length > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function signalTo(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // ESRCH: it is gone, which is what was asked for.
  }
}

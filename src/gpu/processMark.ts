/**
 * Names a process so that it is recognised later, also after its number was given to another one, and from any
 * thread: a tool that hung is not started again while the old one still lives. Runs in main.
 */
import { readFileSync } from 'node:fs';

export interface ProcessMark {
  readonly pid: number;
  /** When the kernel started it, in its own ticks; `null` where there is no `/proc`. */
  readonly startTicks: string | null;
}

interface KernelStatus {
  readonly state: string;
  readonly startTicks: string;
}

/** Reads `/proc/<pid>/stat`; `undefined` when there is no such process, or no `/proc`. */
function statusOf(pid: number): KernelStatus | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // It has ended, or this system has no such file.
    return undefined;
  }
  // The name in parentheses may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

/** Taken while the process is known to run. */
export function markProcess(pid: number): ProcessMark {
  return { pid, startTicks: statusOf(pid)?.startTicks ?? null };
}

/** False for one that has ended and only waits to be asked for its exit code. */
export function isAlive({ pid, startTicks }: ProcessMark): boolean {
  if (startTicks !== null) {
    const status = statusOf(pid);
    return status !== undefined && status.startTicks === startTicks && !'ZX'.includes(status.state);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // There is none, or the number belongs to another user's process now.
    return false;
  }
}

/** SIGKILL for a process that leads a group, and for all that it started. */
export function killGroup(pid: number): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

/** CPU time and memory of a process with all that it has started, as Linux counts them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { residentBytes } from '#test/support/processResources.js';

interface Stat {
  readonly parent: number;
  /** Of all its threads. */
  readonly ticks: number;
  /** Of its children that have ended and were waited for. */
  readonly childTicks: number;
}

if (!existsSync('/proc/self/stat')) {
  console.error('skipped: CPU times of other processes are read from /proc, which this system lacks');
  process.exit(0);
}
const hasThreadTimes = existsSync('/proc/self/schedstat');
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/**
 * Microseconds that the processes and their descendants have spent, in user and kernel mode. A difference of two is to
 * the nanosecond where the kernel keeps the times of threads, and leaves out threads that have ended in between;
 * elsewhere it is to the tick, 10 ms.
 */
export function cpuMicros(...roots: readonly number[]): number {
  const stats = readStats();
  const tree = treeOf(roots, stats);
  const sum = (of: (pid: number) => number): number => tree.reduce((total, pid) => total + of(pid), 0);
  const tickUs = 1_000_000 / ticksPerSecond;
  const childrenUs = sum((pid) => stats.get(pid)?.childTicks ?? 0) * tickUs;
  if (hasThreadTimes) return childrenUs + sum(threadNanos) / 1_000;
  return childrenUs + sum((pid) => stats.get(pid)?.ticks ?? 0) * tickUs;
}

export function treeResidentBytes(root: number): number {
  return treeOf([root], readStats()).reduce((sum, pid) => sum + (present(() => residentBytes(pid)) ?? 0), 0);
}

/** The first figure of a thread's `schedstat` is its time on a core. */
function threadNanos(pid: number): number {
  const threads = present(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  return threads.reduce((sum, thread) => {
    const text = present(() => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'));
    return sum + (text === undefined ? 0 : Number.parseInt(text, 10));
  }, 0);
}

/** What is read about a process; `undefined` when it has ended meanwhile. */
function present<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    // ENOENT or ESRCH: it has taken with it what it has spent.
    return undefined;
  }
}

/** Microseconds that the children of this process have spent that have ended. */
export function endedChildrenMicros(): number {
  return (sumTicks(statFields('self'), [13, 14]) * 1_000_000) / ticksPerSecond;
}

function treeOf(roots: readonly number[], stats: ReadonlyMap<number, Stat>): number[] {
  const tree = new Set(roots);
  // A child may have a lower id than its parent, so until nobody joins.
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const [pid, { parent }] of stats) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree];
}

function readStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = present(() => statFields(name));
    if (fields === undefined) continue;
    stats.set(Number(name), {
      parent: Number(fields[1]),
      ticks: sumTicks(fields, [11, 12]),
      childTicks: sumTicks(fields, [13, 14]),
    });
  }
  return stats;
}

/** What stands behind the name in parentheses, which may hold spaces and parentheses itself: first the state. */
function statFields(process: string): string[] {
  const text = readFileSync(`/proc/${process}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Fields 11 to 14 are user and system time, its own and that of its ended children. */
function sumTicks(fields: readonly string[], wanted: readonly number[]): number {
  return wanted.reduce((sum, field) => sum + Number(fields[field]), 0);
}

/**
 * The lock that one running node holds on its home folder: two nodes with one key would each accept a request
 * once. The file names its holder; a holder that is gone is replaced. Runs in main and the command line.
 */
import {
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { NodeError } from '../errors/nodeError.js';

export interface HomeLock {
  release(): void;
}

interface Holder {
  readonly pid: number;
  /** Distinguishes a process from a later one with the same id; empty where the system does not tell. */
  readonly startTime: string;
  readonly host: string;
}

const refreshMs = 5_000;
/** A holder on another host (a container that is gone) is believed dead after this long without a refresh. */
const abandonedAfterMs = 20_000;

/** A process that ended between two attempts leaves a dead lock or a dead takeover; each round clears one. */
const rounds = 4;

/**
 * @param holderName what holds such a lock, in the message
 * @throws NodeError `home_locked`
 */
export function lockHome(file: string, holderName = 'node'): HomeLock {
  const me: Holder = { pid: process.pid, startTime: startTimeOf(process.pid), host: hostname() };
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(me)}\n`, { mode: 0o600 });
  try {
    for (let round = 0; round < rounds; round++) {
      if (linkExclusively(draft, file)) return holdLock(file);
      if (isHeld(file)) break;
      if (takeOver(draft, file)) return holdLock(file);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const pid = readHolder(file)?.pid;
  throw new NodeError('home_locked', {
    message: `${file} is held by process ${pid ?? 'unknown'}: stop that ${holderName}, or use another --home.`,
  });
}

/** Process id of the node that runs with this home; `undefined` when none does. */
export function lockHolder(file: string): number | undefined {
  return isHeld(file) ? readHolder(file)?.pid : undefined;
}

/**
 * Puts `draft` in place of a dead lock. Of several processes that found the lock dead only one may: the others
 * would throw out the winner's. It holds a second lock meanwhile and looks again under it.
 */
function takeOver(draft: string, file: string): boolean {
  const marker = `${file}.takeover`;
  if (!linkExclusively(draft, marker)) {
    if (!isHeld(marker)) rmSync(marker, { force: true });
    return false;
  }
  try {
    // A lock that was released meanwhile is anyone's to link, so it is not replaced here.
    if (!existsSync(file) || isHeld(file)) return false;
    renameSync(draft, file);
    return true;
  } finally {
    rmSync(marker, { force: true });
  }
}

function isHeld(file: string): boolean {
  const holder = readHolder(file);
  return holder !== undefined && isAlive(holder, file);
}

function holdLock(file: string): HomeLock {
  const refresh = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // Somebody deleted the file; the lock is still ours as far as anyone can tell from this process.
    }
  }, refreshMs);
  refresh.unref();
  return {
    release() {
      clearInterval(refresh);
      if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}

function linkExclusively(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    const { pid, startTime, host } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>;
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined;
    return { pid, startTime: startTime ?? '', host };
  } catch {
    // Gone meanwhile, or not ours: nobody that could be asked holds it.
    return undefined;
  }
}

function isAlive({ pid, startTime, host }: Holder, file: string): boolean {
  // Containers share neither process ids nor start times with each other, but they may share a host name.
  const isElsewhere = host !== hostname() || (pid === process.pid && startTime === startTimeOf(pid));
  if (isElsewhere) {
    const refreshedAtMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Date.now() - refreshedAtMs < abandonedAfterMs;
  }
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startTimeOf(pid) === startTime;
}

/** Field 22 of `/proc/<pid>/stat`, counted behind the command's closing parenthesis. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    // Not Linux.
    return '';
  }
}

/**
 * What a proxy bench has started: its processes and its temporary folder. All of it is gone when the bench ends, also by
 * a signal, and each process is ended by its id. Cores are dealt out here too: one for the proxy, the others for load
 * and backend, so that neither takes time from what is measured.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, constants as systemConstants, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { endWithTests } from '#test/support/endWithTests.js';

/** A process has this long to end by itself; it serves nobody any more. */
const endPatienceMs = 3_000;
/** Far above what any order takes on a busy machine. */
const answerPatienceMs = 60_000;
/** Debian puts servers into sbin, which the PATH of an ordinary user lacks. */
const searchPath = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);

/** For what is to stay when the bench has ended. */
export const lastingFolder = tmpdir();
const folder = mkdtempSync(join(tmpdir(), 'fxn-bench-'));
// Nodes make their homes there as well.
process.env['TMPDIR'] = folder;
process.env['PATH'] = searchPath;

process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
// An exit, and not a death by the signal, so that children and folder go too; also when the signal comes twice, to this
// process and to its group.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + systemConstants.signals[signal]));
}

export const temporaryFolder = folder;

/** The path of an installed command, `undefined` when it is not installed. */
export function findCommand(name: string): string | undefined {
  return searchPath
    .split(delimiter)
    .map((place) => join(place, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        // Not there; perhaps in the next folder.
        return false;
      }
    });
}

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  close(): Promise<void>;
}

/** Ended when it is closed, and at the latest with this process. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): Started {
  const child = spawn(command, args, options);
  endWithTests(child);
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  return {
    child,
    pid: child.pid,
    async close() {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), endPatienceMs);
      await ended;
      clearTimeout(killer);
    },
  };
}

/** A program of this folder that tells its port in its first message and ends when this process is gone. */
export async function startProgram(
  name: string,
  args: readonly string[] = [],
): Promise<Started & { port: number }> {
  const file = new URL(`./${name}.js`, import.meta.url).pathname;
  const started = start(process.execPath, [file, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    started.child.once('message', (message) => resolve(Number(message)));
    started.child.once('close', (code) => reject(new Error(`${name} ended with ${code} before it listened`)));
  });
  return { ...started, port };
}

/** One order to a program and its answer; one that has ended or hangs fails the bench at once. */
export function ask<Answer>({ child }: Started, order: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      child.off('message', answered);
      child.off('close', closed);
      end();
    };
    const answered = (answer: unknown): void => settle(() => resolve(answer as Answer));
    const closed = (): void => settle(() => reject(new Error('a program of the bench has ended')));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`no answer to ${JSON.stringify(order).slice(0, 200)}`))),
      answerPatienceMs,
    );
    child.on('message', answered);
    child.on('close', closed);
    child.send(order);
  });
}

export interface Cores {
  readonly proxy: string;
  readonly load: string;
}

/** `null` where there is one core or no `taskset`: then everything runs wherever the system puts it. */
export function dealCores(forProxy = 1): Cores | null {
  const allowed = allowedCores();
  if (allowed.length < 2 || findCommand('taskset') === undefined) return null;
  const count = Math.min(forProxy, allowed.length - 1);
  return { proxy: allowed.slice(0, count).join(','), load: allowed.slice(count).join(',') };
}

/** All threads that the process has, and those that they will start. */
export function pin(pid: number, cores: string | undefined): void {
  if (cores === undefined) return;
  execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
}

export const pinning = (cores: Cores | null): string | null =>
  cores === null ? null : `proxy ${cores.proxy}, load and mock ${cores.load}`;

/** What else the machine did, for the line: the load average of the last minute. */
export const machineLoad = (): number => Math.round((loadavg()[0] ?? 0) * 10) / 10;

function allowedCores(): number[] {
  let list: string | undefined;
  try {
    list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  } catch {
    // No /proc, no pinning.
  }
  return (list ?? '').split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    if (from === undefined || to === undefined || range === '') return [];
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

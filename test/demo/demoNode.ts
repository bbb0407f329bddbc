/** The real node as a child process of the demo, its log in a file of its home. Runs in the demo. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Say } from './progress.js';

export interface DemoNode {
  readonly adminUrl: string;
  readonly logFile: string;
  readonly exited: Promise<number | null>;
  /** Waits for `/ready` and until a request dated now is no longer refused as possibly served before. */
  waitForReady(say: Say): Promise<void>;
  logTail(): string;
  /** Ends the process and waits for it. */
  close(): Promise<void>;
}

const startDeadlineMs = 20_000;
const readyDeadlineMs = 30_000;
const closeDeadlineMs = 10_000;
const pollMs = 25;
const tailLines = 12;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

interface LogLine {
  readonly msg?: string;
  readonly time?: string;
  readonly adminPort?: number;
}

export async function startDemoNode(home: string): Promise<DemoNode> {
  const logFile = join(home, 'node.log');
  const descriptor = openSync(logFile, 'a', 0o600);
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.resolve('#dist/main.js')), '--home', home],
    {
      stdio: ['ignore', descriptor, descriptor],
      // In a process group of its own, or Ctrl-C would reach it twice: from the terminal and from the demo.
      detached: true,
    },
  );
  closeSync(descriptor);
  running.add(child);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  let hasExited = false;
  exited.then(
    () => {
      hasExited = true;
    },
    () => {
      hasExited = true;
    },
  );

  const lines = (): LogLine[] => readFileSync(logFile, 'utf8').split('\n').map(parseLine);
  const logTail = (): string =>
    readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
  const until = async <T>(
    what: string,
    deadlineMs: number,
    look: () => Promise<T | undefined>,
  ): Promise<T> => {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (hasExited) throw new Error(`The node ended ${what}. The end of its log:\n${logTail()}`);
      if (performance.now() > deadline) {
        throw new Error(
          `The node took more than ${deadlineMs / 1_000} s ${what}. The end of its log:\n${logTail()}`,
        );
      }
      await sleep(pollMs);
    }
  };

  const adminPort = await until('before it listened', startDeadlineMs, async () => {
    return lines().find(({ msg }) => msg === 'listening')?.adminPort;
  });
  const adminUrl = `http://127.0.0.1:${adminPort}`;

  return {
    adminUrl,
    logFile,
    exited,
    logTail,
    async waitForReady(say) {
      await until('to become ready', readyDeadlineMs, async () => {
        const response = await fetch(`${adminUrl}/ready`, { signal: AbortSignal.timeout(readyDeadlineMs) });
        const { ready, missing } = (await response.json()) as { ready: boolean; missing: string[] };
        if (!ready) say(`waiting: ${missing.join('; ')}`);
        return ready || undefined;
      });
      // This line is written just after the node took its home, which is what counts.
      const lockedAt = lines().find(({ msg }) => msg === 'node key')?.time;
      const acceptsFromMs =
        (Math.floor(Date.parse(lockedAt ?? new Date().toISOString()) / 1_000) + 1) * 1_000;
      await sleep(Math.max(0, acceptsFromMs - Date.now()));
    },
    async close() {
      if (hasExited) return;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), closeDeadlineMs);
      await exited;
      clearTimeout(killer);
    },
  };
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    // Half a line that is just being written, or words of a library.
    return {};
  }
}

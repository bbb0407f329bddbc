/** `node dist/main.js` in a home that the test wrote itself, for starts that may fail. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { schedulerKey } from '../keys/publicTestKeys.js';
import { endWithTests } from './endWithTests.js';

export interface NodeProcess {
  readonly child: ChildProcess;
  /** Standard output and standard error so far. */
  readonly output: () => string;
  /** The exit code; `null` when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Resolves when the output contains the text; rejects when the process ends before. */
  says(text: string): Promise<void>;
}

export const mainEntry = fileURLToPath(import.meta.resolve('#dist/main.js'));

/** A home folder of its own that is removed after the test. */
export function temporaryHome(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const home = mkdtempSync(join(tmpdir(), 'fxn-home-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
  return home;
}

/** Both files of a node that bypasses authentication, on free ports unless told. */
export function homeFiles({ port = 0, adminPort = 0 } = {}): Record<string, string> {
  return {
    'config.yaml': stringify({
      node: { listenPort: port, threads: 2 },
      admin: { listenPort: adminPort },
      rpcProvider: ['http://127.0.0.1:9'],
      schedulerAddress: schedulerKey.checksumAddress,
      registry: {
        routerSmartContractAddress: '0x0000000000000000000000000000000000000001',
        bypassAuth: true,
      },
    }),
    'model_backend.yaml': stringify({ models: [{ name: 'm', backends: [{ url: 'http://127.0.0.1:9' }] }] }),
  };
}

/** Ended with the test if it still runs then. */
export function runNode(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): NodeProcess {
  const child = spawn(process.execPath, [mainEntry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  endWithTests(child);
  let text = '';
  let isOver = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      text += data.toString();
      child.emit('output');
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      isOver = true;
      resolve(code);
      child.emit('output');
    });
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    output: () => text,
    ended,
    async says(wanted) {
      while (!text.includes(wanted)) {
        if (isOver) throw new Error(`ended with ${child.exitCode} and never said it:\n${text}`);
        await new Promise((resolve) => child.once('output', resolve));
      }
    },
  };
}

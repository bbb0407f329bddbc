/** The node as operators run it: `node dist/main.js` in a home of its own, its log read line by line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { schedulerKey } from '../keys/publicTestKeys.js';
import { endWithTests } from './endWithTests.js';

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string; readonly level?: string };

export interface TestNodeOptions {
  readonly rpcUrls: readonly string[];
  readonly router: string;
  readonly chainId?: number;
  /** Written as `model_backend.yaml`. */
  readonly modelBackends: object;
  /** Merged over the test defaults, section by section. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** An existing home, for a restart; it is then not removed. */
  readonly home?: string;
  /** `dist/main.js` unless told. */
  readonly entry?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** 64 hex digits; a fresh key unless told. */
  readonly privateKeyHex?: string;
  /** Wait until the clock's second is past the node's start, so that requests dated now are accepted. */
  readonly pastReplayMark?: boolean;
}

export interface TestNode {
  readonly home: string;
  readonly port: number;
  readonly adminPort: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  readonly log: readonly LogLine[];
  /** The first line that satisfies, past or to come. */
  waitForLog(test: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  waitForReady(wait?: { readonly timeoutMs?: number; readonly pollMs?: number }): Promise<void>;
  /** Writes `model_backend.yaml` anew and sends SIGHUP; resolves when the node says it is done. */
  reload(files: { modelBackends?: object; config?: Readonly<Record<string, unknown>> }): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** Sum of the samples of a metric whose labels include the given ones; `undefined` when there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>;
  /** The exit code, `null` after a signal; the log is complete then. */
  readonly exited: Promise<number | null>;
  /** Stops the node in good order and removes its home. */
  close(): Promise<number | null>;
}

const mainEntry = fileURLToPath(import.meta.resolve('#dist/main.js'));
/** How long anything may take before a test gives up: far above what a busy machine needs. */
const patienceMs = 60_000;

export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'fxn-node-'));
  mkdirSync(home, { recursive: true });
  let config = testConfig(options);
  writeFileSync(join(home, 'config.yaml'), stringify(config));
  writeFileSync(join(home, 'model_backend.yaml'), stringify(options.modelBackends));
  if (options.privateKeyHex !== undefined) {
    writeFileSync(join(home, 'nodekey.json'), JSON.stringify({ private_key: options.privateKeyHex }), {
      mode: 0o600,
    });
  }

  const child = spawn(process.execPath, [options.entry ?? mainEntry, '--home', home], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  endWithTests(child);
  const output = readLog(child);
  // Not "exit": the last lines of the log may still be on their way then.
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));

  const waitForLog: TestNode['waitForLog'] = async (test, timeoutMs = patienceMs) => {
    const line = await Promise.race([
      output.waitFor(test, timeoutMs),
      exited.then((code) => {
        throw new Error(`the node ended with ${code}\n${output.tail()}`);
      }),
    ]);
    return line;
  };
  const listening = await waitForLog((line) => line.msg === 'listening').catch(async (thrown: unknown) => {
    child.kill('SIGKILL');
    await exited;
    if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    throw thrown;
  });
  const port = Number(listening['port']);
  const adminPort = Number(listening['adminPort']);
  if (options.pastReplayMark !== false) await nextSecond();

  return {
    home,
    port,
    adminPort,
    url: `${listening['tls'] === true ? 'https' : 'http'}://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    pid: child.pid!,
    log: output.lines,
    waitForLog,
    async waitForReady({ timeoutMs = patienceMs, pollMs = 25 } = {}) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const response = await fetch(`http://127.0.0.1:${adminPort}/ready`);
        if (response.status === 200) return;
        const body = await response.text();
        if (Date.now() > deadline) throw new Error(`not ready in time: ${body}`);
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
    async reload(files) {
      if (files.config !== undefined) {
        config = testConfig({ ...options, config: files.config });
        writeFileSync(join(home, 'config.yaml'), stringify(config));
      }
      if (files.modelBackends !== undefined) {
        writeFileSync(join(home, 'model_backend.yaml'), stringify(files.modelBackends));
      }
      const from = output.lines.length;
      child.kill('SIGHUP');
      return waitForLog((line) => {
        const isNew = output.lines.indexOf(line) >= from;
        return isNew && (line.msg?.startsWith('reload') ?? false);
      });
    },
    signal: (signal) => void child.kill(signal),
    async metric(name, labels = {}) {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      return sumSamples(text, name, labels);
    },
    exited,
    async close() {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      const code = await exited;
      clearTimeout(killer);
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}

/** Test defaults: free ports, two fronts, quick polling, the public test scheduler, no native engines. */
function testConfig({ rpcUrls, router, chainId = 84_532, config = {} }: TestNodeOptions): object {
  const defaults: Record<string, unknown> = {
    node: { listenPort: 0, threads: 2, drainTimeout: '5s' },
    admin: { listenPort: 0 },
    rpcProvider: [...rpcUrls],
    schedulerAddress: schedulerKey.checksumAddress,
    chainId,
    // Where OpenBLAS is installed every node would start a process for it.
    compute: { gpu: 'off' },
    registry: {
      routerSmartContractAddress: router,
      gateway: { pollInterval: '1s' },
      provider: { pollInterval: '1s' },
    },
  };
  const merged: Record<string, unknown> = { ...defaults };
  for (const [section, values] of Object.entries(config)) {
    const before = defaults[section];
    const isObject = typeof before === 'object' && before !== null && !Array.isArray(before);
    merged[section] = isObject ? { ...before, ...(values as object) } : values;
  }
  return merged;
}

/** The replay mark is a whole second: a request must be dated after the one in which the node started. */
export async function nextSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000 - (Date.now() % 1_000) + 5));
}

interface LogReader {
  readonly lines: readonly LogLine[];
  waitFor(test: (line: LogLine) => boolean, timeoutMs: number): Promise<LogLine>;
  tail(): string;
}

function readLog(child: ChildProcess): LogReader {
  const lines: LogLine[] = [];
  const errors: string[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  createInterface({ input: child.stdout! }).on('line', (text) => {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      line = { msg: text, level: 'not json' };
    }
    lines.push(line);
    for (const look of waiting) look(line);
  });
  createInterface({ input: child.stderr! }).on('line', (text) => errors.push(text));
  const tail = (): string =>
    [...lines.slice(-20).map((line) => JSON.stringify(line)), ...errors.slice(-20)].join('\n');
  return {
    lines,
    tail,
    waitFor: (test, timeoutMs) =>
      new Promise((resolve, reject) => {
        const past = lines.find(test);
        if (past !== undefined) {
          resolve(past);
          return;
        }
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no such log line within ${timeoutMs} ms; the last were\n${tail()}`));
        }, timeoutMs);
        // A node that ended settles the wait without this; the timer must not keep the tests alive then.
        timer.unref();
        const look = (line: LogLine): void => {
          if (!test(line)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
      }),
  };
}

function sumSamples(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): number | undefined {
  let sum: number | undefined;
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null || match[1] !== name) continue;
    const found = Object.fromEntries(
      [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((pair) => [pair[1]!, pair[2]!]),
    );
    if (Object.entries(labels).every(([key, value]) => found[key] === value))
      sum = (sum ?? 0) + Number(match[3]);
  }
  return sum;
}

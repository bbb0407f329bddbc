/**
 * Runs the benches: `npm run bench -- [case…] [--smoke]`. A case is a file of this folder; it runs in a process
 * of its own and prints one JSON object per line: `bench`, `case`, `command` (what prints this line again) and
 * its figures. The lines go to standard output as they come, a table of them to standard error at the end.
 * `--smoke` asks for small counts: it shows that a bench works, not what it measures. Other flags go to the benches as
 * they are, numbers behind them included: `npm run bench -- soak --minutes 10`. Those of the proxy benches, such as
 * `--peers nginx,haproxy`, go to these alone, so that all benches may run with them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

type Line = Readonly<Record<string, unknown>>;

const compiledFolder = fileURLToPath(new URL('.', import.meta.url));
const sourceFolder = fileURLToPath(new URL('../../bench/', import.meta.url));
const proxyBenches: readonly string[] = ['aborts', 'largeBodies', 'scaling', 'sse', 'throughput'];
/** Flags that only the proxy benches know; all but the last take a value. */
const proxyFlag = /^--(?:peers|arms|counts|pattern|rounds|seconds)$|^--profile$/;
const isFlag = (argument: string, index: number, all: readonly string[]): boolean =>
  argument.startsWith('-') || /^[\d.]+$/.test(argument) || isValueOfProxyFlag(all[index - 1]);
const args = process.argv.slice(2).flatMap(splitFlag);
const flags = args.filter(isFlag);
const otherFlags = flags.filter(
  (flag, index) => !proxyFlag.test(flag) && !isValueOfProxyFlag(flags[index - 1]),
);
const wanted = args.filter((...argument) => !isFlag(...argument));

let running: ChildProcess | undefined;
let isInterrupted = false;
// The bench that runs cleans up after itself; the next one is not begun.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isInterrupted = true;
    running?.kill(signal);
  });
}

const all = findCases();
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(', ')}; there are: ${all.join(', ')}`);
  process.exitCode = 2;
} else {
  const lines: Line[] = [];
  const failed: string[] = [];
  for (const name of wanted.length > 0 ? wanted : all) {
    if (isInterrupted) break;
    if (!(await runCase(name, lines))) failed.push(name);
  }
  console.error(tables(lines));
  if (failed.length > 0) {
    console.error(`bench FAILED: ${failed.join(', ')}`);
    process.exitCode = 1;
  }
}

function findCases(): string[] {
  return (
    readdirSync(compiledFolder)
      .filter((file) => file.endsWith('.js') && file !== 'run.js')
      .map((file) => basename(file, '.js'))
      // The compiler leaves the output of a deleted source behind.
      .filter((name) => existsSync(`${sourceFolder}${name}.ts`))
      .sort()
  );
}

/** `--name=value` is two arguments. */
function splitFlag(argument: string): string[] {
  const [, name, value] = /^(--\w+)=(.*)$/.exec(argument) ?? [];
  return name === undefined || value === undefined ? [argument] : [name, value];
}

function isValueOfProxyFlag(before: string | undefined): boolean {
  return before !== undefined && before !== '--profile' && proxyFlag.test(before);
}

/** False when the case ended badly. */
async function runCase(name: string, lines: Line[]): Promise<boolean> {
  const own = proxyBenches.includes(name) ? flags : otherFlags;
  const child = spawn(process.execPath, [`${compiledFolder}${name}.js`, ...own], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = child;
  const ended = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
  for await (const text of createInterface({ input: child.stdout })) {
    console.log(text);
    const line = parseLine(text);
    if (line !== undefined) lines.push(line);
  }
  return await ended;
}

function parseLine(text: string): Line | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    // Something else that begins with a brace; it was passed on all the same.
    return undefined;
  }
}

/** One Markdown table per bench. */
function tables(lines: readonly Line[]): string {
  const benches = new Map<string, Line[]>();
  for (const line of lines) {
    const name = String(line['bench']);
    benches.set(name, [...(benches.get(name) ?? []), line]);
  }
  return [...benches].map(([name, rows]) => `\n### ${name}\n\n${table(rows)}`).join('\n');
}

function table(rows: readonly Line[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (column) => column !== 'bench' && column !== 'command',
  );
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(columns),
    row(columns.map(() => '---')),
    ...rows.map((line) => row(columns.map((column) => cell(line[column])))),
  ].join('\n');
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * Runs the benches: `npm run bench -- [case…] [--smoke]`. A case is a file of this folder; it runs in a process
 * of its own and prints one JSON object per line: `bench`, `case`, `command` (what prints this line again) and
 * its figures. The lines go to standard output as they come, a table of them to standard error at the end.
 * `--smoke` asks for small counts: it shows that a bench works, not what it measures. Other flags go to the benches as
 * they are, numbers behind them included: `npm run bench -- soak --minutes 10`.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

type Line = Readonly<Record<string, unknown>>;

const compiledFolder = fileURLToPath(new URL('.', import.meta.url));
const sourceFolder = fileURLToPath(new URL('../../bench/', import.meta.url));
const args = process.argv.slice(2);
const isFlag = (argument: string): boolean => argument.startsWith('-') || /^[\d.]+$/.test(argument);
const flags = args.filter(isFlag);
const wanted = args.filter((argument) => !isFlag(argument));

const all = findCases();
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(', ')}; there are: ${all.join(', ')}`);
  process.exitCode = 2;
} else {
  const lines: Line[] = [];
  const failed: string[] = [];
  for (const name of wanted.length > 0 ? wanted : all) {
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

/** False when the case ended badly. */
async function runCase(name: string, lines: Line[]): Promise<boolean> {
  const child = spawn(process.execPath, [`${compiledFolder}${name}.js`, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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

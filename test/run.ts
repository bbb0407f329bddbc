/**
 * Runs the test suites: `npm test -- [part of a path…]`. A suite that starts another program says so in a
 * comment line of its own, `// needs: openssl curl`; where a command, a library or a file that this takes is missing
 * the suite is not run, and the report says which, what is missing and how to install it. With FXN_REQUIRE_ALL=1 that is a failure.
 * `--missing-packages` prints the Debian packages that would have to be installed, and runs nothing.
 *
 * Output is the runner's own; only its totals are held back, so that they come last. Runs in a terminal and in CI.
 *
 * The suites run as a process group of their own with a temporary folder of their own. Whatever ends the run, a
 * signal included, both are gone afterwards; a run that ends by itself fails when a suite left something there.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, constants as systemConstants, tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { endDescendants, findDescendants, untilGone } from './support/descendants.js';
import { swiftshaderDriver } from './support/swiftshader.js';

interface Need {
  /** Debian packages that bring it. */
  readonly packages: readonly string[];
  /** Files that it consists of, where it is no command; a bare name is a shared library. */
  readonly files?: readonly string[];
  /** In no Debian package: its suites are reported as not run where it is missing, and that is no failure. */
  readonly isExtra?: boolean;
}

const needs: Readonly<Record<string, Need>> = {
  cc: { packages: ['gcc', 'libc6-dev'] },
  chromium: { packages: ['chromium'] },
  curl: { packages: ['curl'] },
  git: { packages: ['git'] },
  helm: { packages: [], isExtra: true },
  h2load: { packages: ['nghttp2-client'] },
  haproxy: { packages: ['haproxy'] },
  nc: { packages: ['netcat-openbsd'] },
  nginx: { packages: ['nginx-light'] },
  openblas: { packages: ['libopenblas0-pthread'], files: ['libopenblas.so.0'] },
  openssl: { packages: ['openssl'] },
  prometheus: { packages: ['prometheus'] },
  promtool: { packages: ['prometheus'] },
  ps: { packages: ['procps'] },
  'redis-server': { packages: ['redis-server'] },
  script: { packages: ['bsdutils'] },
  ss: { packages: ['iproute2'] },
  // Dawn's way to an adapter without a GPU: the Vulkan loader, and the driver in software that Chromium brings.
  swiftshader: {
    packages: ['chromium', 'libvulkan1'],
    files: [swiftshaderDriver, 'libvulkan.so.1'],
  },
  'systemd-analyze': { packages: ['systemd'] },
  wrk: { packages: ['wrk'] },
};

interface Suite {
  /** Source, relative to `test/`. */
  readonly name: string;
  readonly file: string;
  readonly missing: readonly string[];
}

const compiledFolder = fileURLToPath(new URL('.', import.meta.url));
const sourceFolder = fileURLToPath(new URL('../../test/', import.meta.url));
/** Debian puts servers into sbin, which the PATH of an ordinary user lacks. */
const searchPath = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
const needsLine = /^\/\/ needs: (.+)$/gm;
/**
 * A hung test must not hold up the run; the runner applies it to single tests and to whole files. Ten times what
 * the longest file takes on two busy cores.
 */
const timeoutMs = process.env['FXN_TEST_FULL'] ? 1_800_000 : 600_000;
/** Suites start nodes and chains of their own: more at once only make each other late. */
const mostAtOnce = 8;
/** What a suite ended with a signal may take to be gone; nothing is waited for otherwise. */
const leftoverPatienceMs = 5_000;
const parentCheckMs = 500;
/** A line of the totals: `ℹ tests 12`. */
const totalsLine = /^[ℹ#] (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

const args = process.argv.slice(2);
const parts = args.filter((argument) => !argument.startsWith('-'));
const suites = findSuites(parts);
let isInterrupted = false;
const notRun = suites.filter(({ missing }) => missing.length > 0);

if (args.includes('--missing-packages')) {
  console.log(packagesFor(notRun).join(' '));
} else if (suites.length === 0) {
  console.error(`no test suite matches ${parts.join(' ')}`);
  process.exitCode = 1;
} else {
  await runSuites();
}

async function runSuites(): Promise<void> {
  const runnable = suites.filter(({ missing }) => missing.length === 0);
  if (notRun.length > 0) console.log(notRunReport('will not be run'));
  const { exitCode, totals } = await runFiles(runnable.map(({ file }) => file));
  if (notRun.length > 0) console.log(notRunReport('not run'));
  for (const line of totals) console.log(line);
  const isIncomplete = notRun.some(lacksPackage) && process.env['FXN_REQUIRE_ALL'] === '1';
  process.exitCode = exitCode !== 0 || isIncomplete ? 1 : 0;
}

function findSuites(wanted: readonly string[]): Suite[] {
  const suites: Suite[] = [];
  for (const path of readdirSync(compiledFolder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!path.endsWith('.test.js')) continue;
    const name = path.replace(/\.js$/, '.ts');
    const source = join(sourceFolder, name);
    // The compiler leaves the output of a deleted source behind.
    if (!existsSync(source)) continue;
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    suites.push({ name, file: join(compiledFolder, path), missing: missingNeeds(source) });
  }
  return suites;
}

function missingNeeds(source: string): string[] {
  const names = [...readFileSync(source, 'utf8').matchAll(needsLine)].flatMap(
    ([, list = '']) => list.match(/\S+/g) ?? [],
  );
  for (const name of names) {
    if (needs[name] === undefined) {
      throw new Error(`${source} needs ${name}, which the table in test/run.ts does not know`);
    }
  }
  return names.filter((name) => !(needs[name]!.files?.every(hasFile) ?? isOnPath(name)));
}

function hasFile(file: string): boolean {
  return file.includes('/')
    ? existsSync(file)
    : libraryFolders().some((folder) => existsSync(join(folder, file)));
}

/** Where the loader looks on Debian and its like. */
function libraryFolders(): string[] {
  const triplet = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  const folders = ['/usr/local/lib', `/usr/lib/${triplet}-linux-gnu`, '/usr/lib64', '/usr/lib'];
  return [...(process.env['LD_LIBRARY_PATH']?.split(delimiter) ?? []), ...folders];
}

function isOnPath(command: string): boolean {
  return searchPath.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      // Not there; perhaps in the next folder.
      return false;
    }
  });
}

/** Whether something is missing that could be installed. */
function lacksPackage({ missing }: Suite): boolean {
  return missing.some((name) => needs[name]!.isExtra !== true);
}

function packagesFor(missing: readonly Suite[]): string[] {
  const packages = missing.flatMap((suite) => suite.missing).flatMap((name) => needs[name]!.packages);
  return [...new Set(packages)].sort();
}

function notRunReport(heading: string): string {
  const lines = notRun.map(({ name, missing }) => `  test/${name}: no ${missing.join(', no ')}`);
  const packages = packagesFor(notRun);
  return [
    '',
    `${notRun.length} of ${suites.length} suites ${heading}, because something is missing:`,
    ...lines,
    ...(packages.length === 0
      ? []
      : [`  to run them: apt-get install -y --no-install-recommends ${packages.join(' ')}`]),
    '',
  ].join('\n');
}

async function runFiles(files: readonly string[]): Promise<{ exitCode: number; totals: string[] }> {
  if (files.length === 0) return { exitCode: 0, totals: [] };
  const folder = mkdtempSync(join(tmpdir(), 'fxn-suites-'));
  const runner = spawn(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${Math.min(mostAtOnce, Math.max(3, availableParallelism()))}`,
      `--test-timeout=${timeoutMs}`,
      '--test-reporter=spec',
      ...files.map((file) => relative(process.cwd(), file)),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: runnerEnvironment(folder), detached: true },
  );
  const ended = new Promise<number>((resolve, reject) => {
    runner.once('error', reject);
    // A runner that a signal ended has no code and has not succeeded.
    runner.once('close', (code) => resolve(code ?? 1));
  });
  endOnSignal(runner, folder);
  const totals = await printAllButTotals(runner);
  const exitCode = await ended;
  const leftovers = isInterrupted ? [] : await removeLeftovers(runner, folder);
  if (leftovers.length > 0) console.log(['', 'left behind by the suites:', ...leftovers, ''].join('\n'));
  return { exitCode: leftovers.length > 0 ? 1 : exitCode, totals };
}

/** Ends the suites with this process, also when the shell between `npm` and this process died of the signal alone. */
function endOnSignal(runner: ChildProcessByStdio<null, Readable, null>, folder: string): void {
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (isInterrupted) return;
    isInterrupted = true;
    console.log(`\n${signal}: ending the suites`);
    await endDescendants(runner.pid!, folder);
    rmSync(folder, { recursive: true, force: true });
    process.exit(128 + systemConstants.signals[signal]);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(signal));
  // Somebody else may start a run and leave it alone; npm and its shell never do.
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && void end('SIGHUP'), parentCheckMs).unref();
}

/** Removes what the suites should have removed themselves, and says what it was. */
async function removeLeftovers(
  runner: ChildProcessByStdio<null, Readable, null>,
  folder: string,
): Promise<string[]> {
  await untilGone(runner.pid!, folder, leftoverPatienceMs);
  const processes = findDescendants(runner.pid!, folder).map(
    ({ pid, command }) => `process ${pid}: ${command}`,
  );
  await endDescendants(runner.pid!, folder);
  const files = readdirSync(folder).map((name) => `in the temporary folder: ${name}`);
  rmSync(folder, { recursive: true, force: true });
  return [...processes, ...files].map((line) => `  ${line}`);
}

function runnerEnvironment(folder: string): NodeJS.ProcessEnv {
  // Behind our pipe the runner cannot see the terminal.
  const isColoured = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const environment = { ...process.env, PATH: searchPath, TMPDIR: folder };
  return isColoured ? { ...environment, FORCE_COLOR: '1' } : environment;
}

async function printAllButTotals(runner: ChildProcessByStdio<null, Readable, null>): Promise<string[]> {
  const totals: string[] = [];
  for await (const line of createInterface({ input: runner.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (totalsLine.test(stripVTControlCharacters(line))) totals.push(line);
    else console.log(line);
  }
  return totals;
}

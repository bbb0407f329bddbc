/** Tools and libraries that stand in for those of a vendor: real scripts on a folder of their own, real libraries. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fxn-gpu-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The environment in which tools are found in `folder`, before those of this machine. */
export const environmentWith = (folder: string): NodeJS.ProcessEnv => ({
  PATH: [folder, process.env['PATH'] ?? ''].join(delimiter),
});

/** Puts an executable script of `/bin/sh` into `folder`. */
export function writeTool(folder: string, name: string, script: string): void {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** A tool that prints `output`, which may hold anything. */
export function writePrintingTool(folder: string, name: string, output: string): void {
  writeFileSync(join(folder, `${name}.out`), output);
  writeTool(folder, name, `cat '${join(folder, `${name}.out`)}'`);
}

export type NvmlKind = 'WHOLE' | 'HANG' | 'CRASH' | 'OLD' | 'EMPTY' | 'UNLOADED';

const source = fileURLToPath(new URL('../../../test/gpu/fixtures/nvmlStandIn.c', import.meta.url));

/** Compiles `fixtures/nvmlStandIn.c`. Returns the path of the library. */
export function compileNvml(folder: string, kind: NvmlKind): string {
  mkdirSync(join(folder, kind), { recursive: true });
  const library = join(folder, kind, 'libnvidia-ml.so.1');
  execFileSync('cc', ['-shared', '-fPIC', `-D${kind}`, '-o', library, source]);
  return library;
}

interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  /** What the process calls itself. */
  readonly name: string;
  readonly command: string;
}

/** Those that have ended and were not asked for their exit code yet are left out. */
function listProcesses(): ListedProcess[] {
  const listing = execFileSync('ps', ['-eo', 'pid=,ppid=,stat=,comm=,args='], { encoding: 'utf8' });
  return listing.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', name = '', command = ''] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || state.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), name, command }];
  });
}

/** The numbers of the processes whose command line holds `text`. */
export const processesWith = (text: string): number[] =>
  listProcesses().flatMap(({ pid, command }) => (command.includes(text) ? [pid] : []));

/** The telemetry processes that `parent` started; only those inside a call that does not return, if so wanted. */
export const telemetryProcessesOf = (parent: number, isHanging = false): number[] =>
  listProcesses()
    .filter((listed) => listed.parent === parent && listed.command.includes('gpuTelemetry.js'))
    .filter(({ name }) => !isHanging || name === 'nvml-hangs')
    .map(({ pid }) => pid);

export const readText = (path: string): string => readFileSync(path, 'utf8');

/** Waits until `holds` does, and fails with `what` when that takes far too long. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never happened: ${what}`);
}

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lockHome } from '#src/storage/homeLock.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

const holderFile = fileURLToPath(new URL('./lockHolder.js', import.meta.url));
/** No process has it: Linux gives ids up to 4,194,304 at most. */
const impossiblePid = 4_194_305;

interface LockProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** `held`, or the code of the refusal. */
  readonly result: Promise<string>;
  end(): Promise<void>;
}

function startProcess(test: TestContext, file: string, atMs = 0): LockProcess {
  const child = spawn(process.execPath, [holderFile, file, String(atMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  test.after(() => child.kill('SIGKILL'));
  const result = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line));
  return {
    child,
    result,
    async end() {
      child.stdin.end();
      await exited;
    },
  };
}

async function kill({ child }: LockProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

const lockFile = async (test: TestContext): Promise<string> => join(await temporaryFolder(test), 'node.lock');
const writeHolder = (file: string, holder: object): void => writeFileSync(file, JSON.stringify(holder));
const startTimeOfThis = (): string => {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
};
/** Nothing but the lock itself may be left. */
const filesBeside = (file: string): string[] => readdirSync(dirname(file));

describe('the lock on the home folder', () => {
  it('one process holds it, the second is refused and told who, and after the release it is free', async (test) => {
    const file = await lockFile(test);
    const first = startProcess(test, file);
    assert.equal(await first.result, 'held');
    assert.throws(() => lockHome(file), {
      code: 'home_locked',
      message: `${file} is held by process ${first.child.pid}: stop that node, or use another --home.`,
    });
    assert.deepEqual(filesBeside(file), ['node.lock']);
    await first.end();
    assert.deepEqual(filesBeside(file), []);
    lockHome(file).release();
    assert.deepEqual(filesBeside(file), []);
  });

  it('of a process that was killed is taken over', async (test) => {
    const file = await lockFile(test);
    const first = startProcess(test, file);
    assert.equal(await first.result, 'held');
    await kill(first);
    assert.ok(existsSync(file), 'a killed process leaves its lock');
    const second = startProcess(test, file);
    assert.equal(await second.result, 'held');
    assert.deepEqual(filesBeside(file), ['node.lock']);
    await second.end();
  });

  it('of a dead process id is taken over', async (test) => {
    const file = await lockFile(test);
    writeHolder(file, { pid: impossiblePid, startTime: '1', host: hostname() });
    lockHome(file).release();
    assert.deepEqual(filesBeside(file), []);
  });

  it('of a process id that another process has now is taken over', {
    skip: process.platform !== 'linux',
  }, async (test) => {
    const file = await lockFile(test);
    const stranger = startProcess(test, await lockFile(test));
    await stranger.result;
    writeHolder(file, { pid: stranger.child.pid, startTime: '1', host: hostname() });
    const lock = lockHome(file);
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, process.pid);
    lock.release();
  });

  it('of this very process id, as a container has it after a restart, is taken over', async (test) => {
    const file = await lockFile(test);
    writeHolder(file, { pid: process.pid, startTime: '1', host: hostname() });
    lockHome(file).release();
    assert.deepEqual(filesBeside(file), []);
  });

  it('of another host is respected while it is refreshed, and taken over when it is not', async (test) => {
    const file = await lockFile(test);
    writeHolder(file, { pid: 1, startTime: '1', host: 'another-host' });
    assert.throws(() => lockHome(file), { code: 'home_locked' });
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(file, longAgo, longAgo);
    lockHome(file).release();
    assert.deepEqual(filesBeside(file), []);
  });

  it('that names nobody is taken over', async (test) => {
    const file = await lockFile(test);
    for (const text of ['', 'x', '{}', 'null', '[]', '{"pid":"1"}']) {
      writeFileSync(file, text);
      lockHome(file).release();
      assert.deepEqual(filesBeside(file), [], text);
    }
  });

  it('a takeover whose process died does not block the next', async (test) => {
    const file = await lockFile(test);
    for (const path of [file, `${file}.takeover`]) {
      writeHolder(path, { pid: impossiblePid, startTime: '1', host: hostname() });
    }
    lockHome(file).release();
    assert.deepEqual(filesBeside(file), []);
  });

  it('while another process takes it over, a third is refused', {
    skip: process.platform !== 'linux',
  }, async (test) => {
    const file = await lockFile(test);
    writeHolder(file, { pid: impossiblePid, startTime: '1', host: hostname() });
    const other = startProcess(test, await lockFile(test));
    await other.result;
    const stat = readFileSync(`/proc/${other.child.pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    assert.notEqual(startTime, startTimeOfThis());
    writeHolder(`${file}.takeover`, { pid: other.child.pid, startTime, host: hostname() });
    assert.throws(() => lockHome(file), { code: 'home_locked' });
  });

  it('a release leaves the lock of another process alone', async (test) => {
    const file = await lockFile(test);
    const lock = lockHome(file);
    const other = JSON.stringify({ pid: impossiblePid, startTime: '1', host: 'another-host' });
    writeFileSync(file, other);
    lock.release();
    assert.equal(readFileSync(file, 'utf8'), other);
  });

  it('of several processes that find the same dead lock at once exactly one takes it over', async (test) => {
    for (let round = 0; round < 4; round++) {
      const file = await lockFile(test);
      writeHolder(file, { pid: impossiblePid, startTime: '1', host: hostname() });
      const atMs = Date.now() + 600;
      const processes = Array.from({ length: 6 }, () => startProcess(test, file, atMs));
      const results = await Promise.all(processes.map(({ result }) => result));
      const held = results.filter((result) => result === 'held');
      const refused = results.filter((result) => result === 'home_locked');
      assert.deepEqual([held.length, refused.length], [1, 5], results.join());
      const winner = processes[results.indexOf('held')]!;
      assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, winner.child.pid);
      await Promise.all(processes.map((each) => each.end()));
      assert.deepEqual(filesBeside(file), []);
    }
  });
});

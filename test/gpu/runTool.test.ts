// needs: ps
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isAlive } from '#src/gpu/processMark.js';
import { runTool } from '#src/gpu/runTool.js';
import { toolEnvironment } from '#src/gpu/toolEnvironment.js';
import { environmentWith, processesWith, temporaryFolder, until, writeTool } from './standIns.js';

const folder = temporaryFolder();
const environment = environmentWith(folder);
const { signal } = new AbortController();

describe('a tool', () => {
  it('is started without a shell, with its arguments as they are', async () => {
    writeTool(
      folder,
      'print-arguments',
      'for argument; do echo "<$argument>"; done; echo complaint >&2; exit 3',
    );
    const args = ['a b', '$(id)', ';ls', '*'];
    assert.deepEqual(await runTool({ command: 'print-arguments', args, signal, environment }), {
      kind: 'ended',
      exitCode: 3,
      output: '<a b>\n<$(id)>\n<;ls>\n<*>\n',
      complaint: 'complaint',
    });
  });

  it('that is not installed is absent, one that may not be started has failed', async () => {
    assert.deepEqual(await runTool({ command: 'no-such-tool', args: [], signal, environment }), {
      kind: 'absent',
    });
    const path = join(folder, 'no-program');
    writeFileSync(path, 'neither a script nor a program');
    chmodSync(path, 0o644);
    const outcome = await runTool({ command: path, args: [], signal, environment });
    assert.equal(outcome.kind, 'failed');
  });

  for (const [what, script] of [
    ['hangs', 'exec sleep 1000.125'],
    ['ignores the polite signal', "trap '' TERM INT HUP; while :; do sleep 1000.125; done"],
    ['waits for a program of its own', 'sleep 1000.125 & wait'],
    ['ends and leaves a program that holds its output', 'sleep 1000.125 & exit 0'],
    ['prints half an answer first', 'echo half; sleep 1000.125'],
  ] as const) {
    it(`that ${what} is left at its deadline, and nothing of it stays`, async () => {
      writeTool(folder, 'hanging-tool', script);
      const outcome = await runTool({
        command: 'hanging-tool',
        args: [],
        signal,
        environment,
        deadlineMs: 200,
      });
      assert.ok(outcome.kind === 'hung');
      assert.equal(outcome.reason, 'hanging-tool did not answer within 200 ms');
      const mark = outcome.process;
      assert.ok(mark !== null);
      await until(() => !isAlive(mark), 'the end of the tool');
      await until(() => processesWith('sleep 1000.125').length === 0, 'the end of what the tool started');
    });
  }

  it('that prints megabytes is stopped', async () => {
    writeTool(folder, 'endless-tool', 'while :; do echo 0123456789012345678901234567890123456789; done');
    assert.deepEqual(await runTool({ command: 'endless-tool', args: [], signal, environment }), {
      kind: 'failed',
      reason: 'endless-tool printed more than 1 MiB',
    });
    await until(() => processesWith(join(folder, 'endless-tool')).length === 0, 'the end of the tool');
  });

  it('that complains by the megabyte is heard out to a bound', async () => {
    writeTool(folder, 'complaining-tool', 'head -c 3000000 /dev/zero | tr "\\0" x >&2; echo done');
    const outcome = await runTool({ command: 'complaining-tool', args: [], signal, environment });
    assert.ok(outcome.kind === 'ended');
    assert.equal(outcome.output, 'done\n');
    assert.equal(outcome.complaint, 'x'.repeat(200));
  });

  it('prints any bytes', async () => {
    writeTool(folder, 'garbage-tool', 'head -c 65536 /dev/urandom');
    const outcome = await runTool({ command: 'garbage-tool', args: [], signal, environment });
    assert.equal(outcome.kind, 'ended');
  });

  it('is ended by an interruption, and not started after one', async () => {
    writeTool(folder, 'long-tool', 'exec sleep 1000.25');
    const interruption = new AbortController();
    const running = runTool({ command: 'long-tool', args: [], signal: interruption.signal, environment });
    await until(() => processesWith('sleep 1000.25').length === 1, 'the start of the tool');
    interruption.abort();
    assert.deepEqual(await running, { kind: 'failed', reason: 'long-tool was interrupted' });
    await until(() => processesWith('sleep 1000.25').length === 0, 'the end of the tool');
    assert.equal(
      (await runTool({ command: 'long-tool', args: [], signal: interruption.signal, environment })).kind,
      'failed',
    );
    assert.deepEqual(processesWith('sleep 1000.25'), []);
  });

  it('sees what it needs of the environment and no secret', () => {
    const seen = toolEnvironment({
      PATH: '/a',
      HOME: '/h',
      LD_LIBRARY_PATH: '/l',
      FXN_KEY_PASSWORD: 'secret',
      NODE_OPTIONS: '--inspect',
      LC_ALL: 'de_DE',
    });
    assert.equal(seen['HOME'], '/h');
    assert.equal(seen['LD_LIBRARY_PATH'], '/l');
    assert.equal(seen['LC_ALL'], 'C');
    assert.match(seen['PATH'] ?? '', /^\/a:/);
    assert.ok(!('FXN_KEY_PASSWORD' in seen) && !('NODE_OPTIONS' in seen));
  });
});

/** The demo as a newcomer runs it: from one command to a streamed answer, and no trace left. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDemoBackend } from './demoBackend.js';

const entry = fileURLToPath(import.meta.resolve('#test/demo/demo.js'));
const deadlineMs = 60_000;

function startDemo(t: TestContext, args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout!.on('data', (piece: Buffer) => {
    printed.out += piece.toString('utf8');
  });
  child.stderr!.on('data', (piece: Buffer) => {
    printed.err += piece.toString('utf8');
  });
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const timer = setTimeout(() => child.kill('SIGTERM'), deadlineMs);
  t.after(() => {
    clearTimeout(timer);
    child.kill('SIGTERM');
  });
  const until = (pattern: RegExp): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(printed.out)) resolve(undefined);
      };
      child.stdout!.on('data', look);
      look();
      exited.then(() => reject(new Error(`the demo ended: ${printed.out}\n${printed.err}`)), reject);
    });
  return { child, printed, exited, until };
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('npm run demo', () => {
  test('--once starts a whole network, streams one signed chat and ends with 0', async (t) => {
    const { printed, exited } = startDemo(t, ['--once']);
    assert.equal(await exited, 0, printed.err);
    for (const step of ['backend', 'chain', 'gateway', 'provider', 'node']) {
      assert.match(printed.out, new RegExp(`^ {2}✓ ${step} `, 'm'));
    }
    assert.match(
      printed.out,
      /You asked: "What am I talking to\?" This text comes from a small demo backend/,
    );
    assert.match(printed.out, /200 OK, first token after \d+ ms/);
    assert.equal(printed.err, '');
  });

  test('stays, its printed commands work when pasted, and Ctrl-C leaves nothing behind', async (t) => {
    const { child, printed, exited, until } = startDemo(t, []);
    await until(/Ctrl-C ends the demo/);

    const commands = printed.out.match(/^ {2}node (?:.*\\\n)*.*$/gm) ?? [];
    assert.equal(commands.length, 2);
    const answers = commands.map((command) => {
      // Pasted anywhere, not only in this folder.
      const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: '/' });
      assert.equal(status, 0, stderr);
      assert.match(stderr, /^200 OK/m);
      return stdout;
    });
    assert.match(answers[0]!, /"id":"demo\/echo"/);
    assert.match(answers[1]!, /data: \[DONE\]/);

    const adminUrl = /metrics +(\S+)\/metrics/.exec(printed.out)?.[1];
    const { ready } = (await (await fetch(`${adminUrl}/ready`)).json()) as { ready: boolean };
    assert.equal(ready, true);
    // Nothing was refused on the way, so a newcomer's first look at the metrics is a clean one.
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
    const outcomes = [...metrics.matchAll(/^fxn_auth_requests_total\{outcome="(\w+)"\} ([1-9]\d*)$/gm)];
    assert.deepEqual(
      outcomes.map(([, outcome, count]) => [outcome, Number(count)]),
      [['accepted', 3]],
    );

    const home = /home +(\S+)/.exec(printed.out)?.[1] ?? assert.fail('no home');
    const { pid } = JSON.parse(readFileSync(join(home, 'node.lock'), 'utf8')) as { pid: number };
    assert.ok(isAlive(pid));
    child.kill('SIGINT');
    assert.equal(await exited, 0, printed.err);
    assert.equal(isAlive(pid), false);
    assert.equal(existsSync(home), false);
  });

  test('--backend uses a server of the user, with its first model', async (t) => {
    const backend = await startDemoBackend({ model: 'my/model', tokenIntervalMs: 1 });
    t.after(() => backend.close());
    const { printed, exited } = startDemo(t, ['--once', '--backend', `${backend.url}/v1`]);
    assert.equal(await exited, 0, printed.err);
    assert.match(printed.out, /✓ backend .* serves my\/model$/m);
    assert.match(printed.out, /This text comes from/);
  });

  test('says in a sentence what is wrong, and ends with 1 or 2', async (t) => {
    const absent = startDemo(t, ['--once', '--backend', 'http://127.0.0.1:1']);
    assert.equal(await absent.exited, 1);
    assert.match(absent.printed.err, /http:\/\/127\.0\.0\.1:1\/v1\/models does not list a model/);
    assert.doesNotMatch(absent.printed.err, /^\s+at /m);
    const misused = startDemo(t, ['--port', 'http']);
    assert.equal(await misused.exited, 2);
    assert.match(misused.printed.err, /--port takes a number/);
  });
});

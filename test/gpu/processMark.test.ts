import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isAlive, killGroup, markProcess } from '#src/gpu/processMark.js';
import { until } from './standIns.js';

describe('a process that is remembered', () => {
  it('is alive until it ends', async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
    const mark = markProcess(child.pid!);
    assert.ok(isAlive(mark));
    killGroup(mark.pid);
    await once(child, 'exit');
    assert.ok(!isAlive(mark));
    killGroup(mark.pid);
  });

  it('is not taken for another one that was given its number', () => {
    const own = markProcess(process.pid);
    assert.ok(isAlive(own));
    if (own.startTicks !== null) assert.ok(!isAlive({ ...own, startTicks: `${Number(own.startTicks) - 1}` }));
  });

  it('is recognised by its number where nothing else is known', async () => {
    assert.ok(isAlive({ pid: process.pid, startTicks: null }));
    const child = spawn('true', { stdio: 'ignore' });
    const { pid } = child;
    await once(child, 'exit');
    await until(() => !isAlive({ pid: pid!, startTicks: null }), 'the end of a process');
  });
});

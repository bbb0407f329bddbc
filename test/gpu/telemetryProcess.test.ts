// needs: cc ps
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTelemetryProcess } from '#src/gpu/telemetryProcess.js';
import { compileNvml, readText, telemetryProcessesOf, temporaryFolder, until } from './standIns.js';

const folder = temporaryFolder();
const { signal } = new AbortController();

describe('the telemetry process', () => {
  it('ends when nothing is asked for a while, and starts again with the next question', async (t) => {
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 60_000, deadlineMs: 60_000, idleMs: 50 });
    t.after(() => telemetry.close());
    const library = compileNvml(folder, 'WHOLE');
    for (const _ of [1, 2]) {
      assert.equal((await telemetry.ask({ kind: 'nvml', library }, signal)).kind, 'answered');
      await until(() => telemetryProcessesOf(process.pid).length === 0, 'the end of the process');
    }
  });

  it('is asked one question at a time', async () => {
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 60_000, deadlineMs: 60_000 });
    const question = { kind: 'nvml', library: compileNvml(folder, 'WHOLE') } as const;
    const first = telemetry.ask(question, signal);
    assert.deepEqual(await telemetry.ask(question, signal), { kind: 'failed', reason: 'not asked' });
    assert.equal((await first).kind, 'answered');
    telemetry.close();
  });

  it('is not started for a question that was given up before', async () => {
    const telemetry = createTelemetryProcess();
    const question = { kind: 'systeminformation' } as const;
    assert.equal((await telemetry.ask(question, AbortSignal.abort())).kind, 'failed');
    assert.deepEqual(telemetryProcessesOf(process.pid), []);
  });

  it('has longer for its first answer, in which it wakes the driver, than for the others', async () => {
    const library = compileNvml(folder, 'HANG');
    const late = { kind: 'hung', reason: 'no answer within 300 ms' } as const;
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 300, deadlineMs: 60_000 });
    const { process: first, ...answer } = Object(await telemetry.ask({ kind: 'nvml', library }, signal));
    assert.deepEqual(answer, late);
    assert.notEqual(first, null);
    const awake = createTelemetryProcess({ firstDeadlineMs: 60_000, deadlineMs: 300 });
    const whole = compileNvml(folder, 'WHOLE');
    assert.equal((await awake.ask({ kind: 'nvml', library: whole }, signal)).kind, 'answered');
    const { process: _, ...second } = Object(await awake.ask({ kind: 'nvml', library }, signal));
    assert.deepEqual(second, late);
    await until(() => telemetryProcessesOf(process.pid).length === 0, 'the end of both');
  });

  it('is ended by an interruption', async () => {
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 60_000, deadlineMs: 60_000 });
    const interruption = new AbortController();
    const asked = telemetry.ask({ kind: 'nvml', library: compileNvml(folder, 'HANG') }, interruption.signal);
    await until(() => telemetryProcessesOf(process.pid, true).length === 1, 'the call');
    interruption.abort();
    assert.deepEqual(await asked, { kind: 'failed', reason: 'the question was interrupted' });
    await until(() => telemetryProcessesOf(process.pid).length === 0, 'the end of the process');
  });

  it('is not shown the secrets of the node', async (t) => {
    process.env['FXN_KEY_PASSWORD'] = 'a secret';
    t.after(() => delete process.env['FXN_KEY_PASSWORD']);
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 60_000, deadlineMs: 60_000 });
    t.after(() => telemetry.close());
    await telemetry.ask({ kind: 'nvml', library: compileNvml(folder, 'WHOLE') }, signal);
    const [pid] = telemetryProcessesOf(process.pid);
    const environment = readText(`/proc/${pid}/environ`);
    assert.match(environment, /PATH=/);
    assert.doesNotMatch(environment, /FXN_KEY_PASSWORD/);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { GpuReader, ReadOutcome } from '#src/gpu/gpuReader.js';
import { gpuReading } from '#src/gpu/gpuReading.js';
import { idleIntervalMs, type ProbeResult, type ProbeState, probeGpus } from '#src/gpu/probeGpus.js';
import { killGroup, markProcess } from '#src/gpu/processMark.js';
import type { GpuSource } from '#src/lib/gpuStat.js';

const intervalMs = 5_000;
const found: ReadOutcome = { kind: 'found', gpus: [gpuReading({ name: 'A' })] };
const failed: ReadOutcome = { kind: 'failed', reason: 'broken' };
const absent: ReadOutcome = { kind: 'absent' };
const none: ReadOutcome = { kind: 'none' };
const hung: ReadOutcome = { kind: 'hung', reason: 'late', process: null };

/** A machine whose sources answer as they are told, and the rounds over it, at times that a test sets. */
function createMachine(answers: Partial<Record<GpuSource, ReadOutcome>>) {
  let state: ProbeState = {};
  const asked: GpuSource[] = [];
  const readers = (Object.keys(answers) as GpuSource[]).map(
    (source): GpuReader => ({
      source,
      read() {
        asked.push(source);
        return Promise.resolve(answers[source] ?? absent);
      },
    }),
  );
  return {
    answers,
    /** Who was asked in a round at `nowMs`, and its result. */
    async round(nowMs: number): Promise<{ asked: GpuSource[]; result: ProbeResult }> {
      asked.length = 0;
      const result = await probeGpus({
        // As between threads.
        state: structuredClone(state),
        readers,
        nowMs: () => nowMs,
        intervalMs,
        signal: new AbortController().signal,
      });
      state = structuredClone(result).state;
      return { asked: [...asked], result };
    },
  };
}

describe('a round', () => {
  it('ends with the first source that knows a GPU', async () => {
    const machine = createMachine({
      nvml: absent,
      'nvidia-smi': failed,
      'amd-smi': none,
      'rocm-smi': found,
      sysfs: found,
    });
    const { asked, result } = await machine.round(1_000_000);
    assert.deepEqual(asked, ['nvml', 'nvidia-smi', 'amd-smi', 'rocm-smi']);
    assert.equal(result.sample?.source, 'rocm-smi');
    assert.equal(result.sample?.sampledAtMs, 1_000_000);
    assert.deepEqual(result.failures, [{ source: 'nvidia-smi', kind: 'failed', reason: 'broken' }]);
    assert.equal(result.nextInMs, intervalMs);
  });

  it('asks the source that worked first, and better ones again only when their delay is over', async () => {
    const machine = createMachine({ nvml: failed, 'nvidia-smi': absent, sysfs: found });
    await machine.round(0);
    assert.deepEqual((await machine.round(4_999)).asked, ['sysfs']);
    assert.deepEqual((await machine.round(5_000)).asked, ['nvml', 'sysfs']);
    assert.deepEqual((await machine.round(14_999)).asked, ['sysfs'], 'the delay doubles');
    assert.deepEqual((await machine.round(15_000)).asked, ['nvml', 'sysfs']);
    machine.answers.nvml = found;
    assert.equal((await machine.round(400_000)).result.sample?.source, 'nvml');
    assert.deepEqual((await machine.round(405_000)).asked, ['nvml']);
  });

  it('goes on with the next source when the one that worked fails, and returns to it soon', async () => {
    const machine = createMachine({ nvml: found, 'nvidia-smi': found });
    await machine.round(0);
    machine.answers.nvml = failed;
    const { result } = await machine.round(5_000);
    assert.equal(result.sample?.source, 'nvidia-smi');
    machine.answers.nvml = found;
    assert.equal((await machine.round(10_000)).result.sample?.source, 'nvml');
  });

  it('waits long for what is not there, and for a source that has never known a GPU', async () => {
    const machine = createMachine({ nvml: absent, 'nvidia-smi': none });
    const { result } = await machine.round(0);
    assert.equal(result.sample, undefined);
    assert.equal(result.nextInMs, idleIntervalMs);
    assert.deepEqual((await machine.round(idleIntervalMs - 1)).asked, []);
    assert.deepEqual((await machine.round(idleIntervalMs)).asked, ['nvml', 'nvidia-smi']);
  });

  it('comes back soon to a source that has known a GPU and knows none now', async () => {
    const machine = createMachine({ 'nvidia-smi': found });
    await machine.round(0);
    machine.answers['nvidia-smi'] = none;
    assert.equal((await machine.round(5_000)).result.nextInMs, intervalMs);
  });

  it('waits for a failing source no longer than for a missing one', async () => {
    const machine = createMachine({ 'nvidia-smi': failed });
    let nowMs = 0;
    for (let turn = 0; turn < 40; turn++) {
      const { asked, result } = await machine.round(nowMs);
      assert.deepEqual(asked, ['nvidia-smi']);
      assert.ok(result.nextInMs <= idleIntervalMs && result.nextInMs >= intervalMs);
      nowMs += result.nextInMs;
    }
  });

  it('asks what hung again after 30 seconds, then after a minute, never later than ten', async () => {
    const machine = createMachine({ 'nvidia-smi': hung, sysfs: found });
    assert.deepEqual((await machine.round(0)).result.failures, [
      { source: 'nvidia-smi', kind: 'hung', reason: 'late' },
    ]);
    assert.deepEqual((await machine.round(29_999)).asked, ['sysfs']);
    assert.deepEqual((await machine.round(30_000)).asked, ['nvidia-smi', 'sysfs']);
    assert.deepEqual((await machine.round(89_999)).asked, ['sysfs']);
    for (let nowMs = 90_000; nowMs < 20_000_000; nowMs += 600_000) {
      assert.deepEqual((await machine.round(nowMs)).asked, ['nvidia-smi', 'sysfs']);
    }
  });

  it('does not start a tool again while the one that hung still lives', async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
    const process = markProcess(child.pid!);
    const machine = createMachine({ 'nvidia-smi': { ...hung, process }, sysfs: found });
    await machine.round(0);
    machine.answers['nvidia-smi'] = found;
    assert.deepEqual((await machine.round(600_000)).asked, ['sysfs']);
    assert.deepEqual((await machine.round(1_200_000)).asked, ['sysfs']);
    killGroup(process.pid);
    await once(child, 'exit');
    assert.equal((await machine.round(1_800_000)).result.sample?.source, 'nvidia-smi');
  });

  it('does not wait for hours because the clock was set back', async () => {
    const machine = createMachine({ nvml: failed, sysfs: found });
    await machine.round(10_000_000);
    assert.deepEqual((await machine.round(1_000)).asked, ['nvml', 'sysfs']);
  });

  it('learns nothing from a read that was interrupted', async () => {
    const interruption = new AbortController();
    const reader: GpuReader = {
      source: 'nvml',
      read() {
        interruption.abort();
        return Promise.resolve(failed);
      },
    };
    const result = await probeGpus({
      state: {},
      readers: [reader],
      nowMs: () => 0,
      intervalMs,
      signal: interruption.signal,
    });
    assert.deepEqual([result.state, result.failures], [{}, []]);
  });
});

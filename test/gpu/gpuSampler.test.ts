// needs: cc ps
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { GpuReader, ReadOutcome } from '#src/gpu/gpuReader.js';
import { gpuReading } from '#src/gpu/gpuReading.js';
import { createGpuSampler, type GpuSampler, type GpuSamplerOptions } from '#src/gpu/gpuSampler.js';
import { createNvidiaSmiReader } from '#src/gpu/nvidiaSmi.js';
import { createNvmlReader } from '#src/gpu/nvml.js';
import type { ProbeFailure } from '#src/gpu/probeGpus.js';
import { runTool, type ToolCall } from '#src/gpu/runTool.js';
import { createTelemetryProcess } from '#src/gpu/telemetryProcess.js';
import type { GpuSample } from '#src/lib/gpuStat.js';
import { createLogger, type Logger } from '#src/logger/logger.js';
import { twoGpus } from './fixtures/nvidiaSmiOutputs.js';
import {
  compileNvml,
  environmentWith,
  type NvmlKind,
  processesWith,
  telemetryProcessesOf,
  temporaryFolder,
  until,
  writePrintingTool,
  writeTool,
} from './standIns.js';

const silent = createLogger({ level: 'silent', thread: 'test' });

/** A logger that keeps level and message of each line. */
function createRecorder(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = Object.create(silent) as Logger;
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    log[level] = (_: unknown, message?: string) => lines.push(`${level}: ${message}`);
  }
  return { log, lines };
}

function start(t: TestContext, options: Partial<GpuSamplerOptions>): GpuSampler {
  const sampler = createGpuSampler({ log: silent, ...options });
  t.after(() => sampler.close());
  return sampler;
}

const nvidiaSmiIn = (folder: string, deadlineMs: number): GpuReader =>
  createNvidiaSmiReader((call: ToolCall) =>
    runTool({ ...call, environment: environmentWith(folder), deadlineMs }),
  );

/** A source in memory that answers what it is told. */
function createSource(answer: ReadOutcome): GpuReader & { answer: ReadOutcome; reads: number } {
  return {
    source: 'sysfs',
    answer,
    reads: 0,
    read() {
      this.reads++;
      return Promise.resolve(this.answer);
    },
  };
}
const found: ReadOutcome = { kind: 'found', gpus: [gpuReading({ name: 'A', utilizationGpu: 1 })] };

/** Lets everything that waits for a promise run. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

describe('the sampler', () => {
  it('has nothing before its first sample, then the latest', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = { nowMs: () => now };
    let now = 1_000;
    const source = createSource(found);
    const samples: GpuSample[] = [];
    const sampler = start(t, { sources: [source], clock, onSample: (sample) => samples.push(sample) });
    assert.equal(sampler.latest(), undefined);
    assert.deepEqual(sampler.status(), {
      source: undefined,
      sampledAtMs: undefined,
      missing: 'not_sampled',
      lastError: undefined,
    });
    await settled();
    assert.equal(sampler.latest()?.sampledAtMs, 1_000);
    now = 6_000;
    t.mock.timers.tick(4_999);
    await settled();
    assert.equal(source.reads, 1);
    t.mock.timers.tick(1);
    await settled();
    assert.equal(sampler.latest()?.sampledAtMs, 6_000);
    assert.deepEqual(
      samples.map(({ sampledAtMs }) => sampledAtMs),
      [1_000, 6_000],
    );
    assert.deepEqual(sampler.status(), {
      source: 'sysfs',
      sampledAtMs: 6_000,
      missing: undefined,
      lastError: undefined,
    });
  });

  it('shows no sample older than six intervals, nor one from the future, and says so', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let now = 100_000;
    const source = createSource(found);
    const sampler = start(t, { sources: [source], clock: { nowMs: () => now } });
    await settled();
    source.answer = { kind: 'failed', reason: 'broken' };
    now = 130_000;
    t.mock.timers.tick(5_000);
    await settled();
    assert.ok(sampler.latest());
    assert.equal(sampler.status().lastError, 'sysfs: broken');
    now = 130_001;
    assert.equal(sampler.latest(), undefined);
    assert.deepEqual(sampler.status(), {
      source: 'sysfs',
      sampledAtMs: 100_000,
      missing: 'stale',
      lastError: 'sysfs: broken',
    });
    now = 69_999;
    assert.equal(sampler.latest(), undefined);
  });

  it('looks only every five minutes on a machine without a GPU, and says so once, quietly', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let now = 0;
    const source = createSource({ kind: 'none' });
    const { log, lines } = createRecorder();
    const sampler = start(t, { sources: [source], clock: { nowMs: () => now }, log });
    for (let minutes = 0; minutes < 61; minutes++) {
      await settled();
      now += 60_000;
      t.mock.timers.tick(60_000);
    }
    await settled();
    assert.equal(source.reads, 13);
    assert.deepEqual(lines, ['debug: no GPU was found']);
    assert.equal(sampler.status().missing, 'no_gpu');
    source.answer = found;
    now += 300_000;
    t.mock.timers.tick(300_000);
    await settled();
    assert.ok(sampler.latest());
    assert.deepEqual(lines.slice(1), ['info: GPUs are sampled']);
  });

  it('goes on after a source or a listener that throws', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { log, lines } = createRecorder();
    let rounds = 0;
    const sampler = start(t, {
      sources: [createSource(found)],
      log,
      onSample: () => {
        if (++rounds === 1) throw new Error('a defect');
      },
    });
    await settled();
    assert.ok(lines.includes('error: sampling GPUs failed'));
    t.mock.timers.tick(5_000);
    await settled();
    assert.equal(rounds, 2);
    assert.ok(sampler.latest());
  });

  for (const [kind, failure] of [
    ['HANG', 'hung'],
    ['CRASH', 'failed'],
  ] as const satisfies readonly (readonly [NvmlKind, ProbeFailure['kind']])[]) {
    it(`goes on with nvidia-smi when the NVIDIA library ${kind === 'HANG' ? 'never returns' : 'crashes'}`, async (t) => {
      const folder = temporaryFolder();
      writePrintingTool(folder, 'nvidia-smi', twoGpus);
      const failures: ProbeFailure[] = [];
      const telemetry = createTelemetryProcess({ firstDeadlineMs: kind === 'HANG' ? 2_000 : 60_000 });
      const sampler = start(t, {
        intervalMs: 50,
        sources: [createNvmlReader(telemetry, [compileNvml(folder, kind)]), nvidiaSmiIn(folder, 60_000)],
        onFailure: (entry) => failures.push(entry),
      });
      await until(() => sampler.status().sampledAtMs !== undefined, 'a sample');
      const first = sampler.status().sampledAtMs;
      await until(() => sampler.status().sampledAtMs !== first, 'another sample');
      assert.equal(sampler.status().source, 'nvidia-smi');
      assert.deepEqual([failures[0]?.source, failures[0]?.kind], ['nvml', failure]);
      assert.match(sampler.status().lastError ?? '', /^nvml: /);
    });
  }

  it('takes the better source again when it works again', async (t) => {
    const folder = temporaryFolder();
    writeTool(folder, 'nvidia-smi', 'exit 1');
    const source = createSource(found);
    const sampler = start(t, { intervalMs: 20, sources: [nvidiaSmiIn(folder, 60_000), source] });
    await until(() => sampler.status().source === 'sysfs', 'a sample of the other source');
    assert.equal(sampler.status().lastError, 'nvidia-smi: nvidia-smi ended with code 1');
    writePrintingTool(folder, 'nvidia-smi', twoGpus);
    await until(() => sampler.status().source === 'nvidia-smi', 'a sample of the better source');
    assert.equal(sampler.status().lastError, undefined);
  });

  it('closes at once and leaves nothing behind, also while a tool hangs', async () => {
    const folder = temporaryFolder();
    writeTool(folder, 'nvidia-smi', "trap '' TERM; sleep 1000.375 & wait");
    const sampler = createGpuSampler({ log: silent, sources: [nvidiaSmiIn(folder, 1_000_000)] });
    await until(() => processesWith('sleep 1000.375').length === 1, 'the start of the tool');
    await sampler.close();
    await until(() => processesWith('sleep 1000.375').length === 0, 'the end of what the tool started');
    assert.deepEqual(processesWith(folder), []);
  });

  it('closes at once while the NVIDIA library does not return', async () => {
    const folder = temporaryFolder();
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 1_000_000 });
    const sampler = createGpuSampler({
      log: silent,
      sources: [createNvmlReader(telemetry, [compileNvml(folder, 'HANG')])],
    });
    await until(() => telemetryProcessesOf(process.pid, true).length === 1, 'the call');
    await sampler.close();
    await until(() => telemetryProcessesOf(process.pid, true).length === 0, 'the end of the process');
  });

  it('samples nothing more after it was closed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const source = createSource(found);
    const sampler = createGpuSampler({ log: silent, sources: [source] });
    await settled();
    await sampler.close();
    t.mock.timers.tick(600_000);
    await settled();
    assert.equal(source.reads, 1);
  });

  it('of this very machine ends its first round', async (t) => {
    const sampler = start(t, {});
    await until(() => sampler.status().missing !== 'not_sampled', 'the end of the first round');
    assert.ok(sampler.latest() !== undefined || sampler.status().missing === 'no_gpu');
  });
});

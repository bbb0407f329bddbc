// needs: cc ps
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { GpuReader } from '#src/gpu/gpuReader.js';
import { createNvmlReader, nvmlPaths, parseNvml } from '#src/gpu/nvml.js';
import { isAlive, markProcess } from '#src/gpu/processMark.js';
import { createTelemetryProcess } from '#src/gpu/telemetryProcess.js';
import { propertyRuns } from '../runs.js';
import { compileNvml, type NvmlKind, telemetryProcessesOf, temporaryFolder, until } from './standIns.js';

const folder = temporaryFolder();
const { signal } = new AbortController();
/** Enough for a process to start on a machine that does much else. */
const patientMs = 60_000;

const readerOf = (kind: NvmlKind, deadlineMs = patientMs): GpuReader =>
  createNvmlReader(createTelemetryProcess({ firstDeadlineMs: deadlineMs, deadlineMs }), [
    '/nowhere/libnvidia-ml.so.1',
    compileNvml(folder, kind),
  ]);

describe('the NVIDIA library', () => {
  it('tells of whole GPUs and of instances in place of the GPU they share, and skips one that is lost', async (t) => {
    const reader = readerOf('WHOLE');
    t.after(() => reader.close?.());
    const answer = await reader.read(signal);
    assert.ok(answer.kind === 'found', JSON.stringify(answer));
    const [whole, ...instances] = answer.gpus;
    assert.deepEqual(whole, {
      stat: {
        name: 'NVIDIA Stand-In 24GB',
        driver_version: '570.124.06',
        vram_total_mb: 24_576,
        vram_used_mb: 2_048,
        vram_free_mb: 22_016,
        utilization_gpu_pct: 63,
        utilization_mem_pct: 21,
      },
      detail: {
        uuid: 'GPU-11111111-0000-0000-0000-000000000000',
        temperatureC: 44,
        powerW: 71.234,
        smClockMhz: 1_410,
        memoryClockMhz: 1_593,
        xid: null,
      },
    });
    assert.deepEqual(
      instances.map(({ stat, detail }) => [stat.name, stat.vram_total_mb, stat.vram_used_mb, detail.uuid]),
      [
        ['NVIDIA Stand-In 80GB MIG 1g.10gb', 9_728, 12, 'MIG-33333333-0000-0000-0000-000000000000'],
        ['NVIDIA Stand-In 80GB MIG 3g.40gb', 40_192, 500, 'MIG-44444444-0000-0000-0000-000000000000'],
      ],
    );
    assert.deepEqual(instances[0]?.stat.unavailable, ['utilization_gpu_pct', 'utilization_mem_pct']);
    assert.deepEqual([instances[0]?.detail.temperatureC, instances[0]?.detail.powerW], [44, null]);
  });

  it('answers again in the same process', async (t) => {
    const reader = readerOf('WHOLE');
    t.after(() => reader.close?.());
    const before = telemetryProcessesOf(process.pid);
    assert.equal((await reader.read(signal)).kind, 'found');
    const started = telemetryProcessesOf(process.pid);
    assert.equal(started.length, before.length + 1);
    assert.equal((await reader.read(signal)).kind, 'found');
    assert.deepEqual(telemetryProcessesOf(process.pid), started);
  });

  it('of an older driver tells what it can, with what the driver keeps counted as used', async (t) => {
    const reader = readerOf('OLD');
    t.after(() => reader.close?.());
    const answer = await reader.read(signal);
    assert.ok(answer.kind === 'found', JSON.stringify(answer));
    assert.deepEqual(
      answer.gpus.map(({ stat }) => [stat.name, stat.vram_used_mb, stat.vram_free_mb]),
      [
        ['NVIDIA Stand-In 24GB', 2_560, 22_016],
        ['NVIDIA Stand-In 80GB', 100, 81_820],
      ],
    );
  });

  it('that knows no GPU is an answer, one whose driver is not loaded a failure', async (t) => {
    const [empty, unloaded] = [readerOf('EMPTY'), readerOf('UNLOADED')];
    t.after(() => {
      empty.close?.();
      unloaded.close?.();
    });
    assert.deepEqual(await empty.read(signal), { kind: 'none' });
    assert.deepEqual(await unloaded.read(signal), {
      kind: 'failed',
      reason: 'Error: nvmlInit_v2 answered 9',
    });
  });

  it('that crashes takes only its process with it, and is tried again in a new one', async (t) => {
    const reader = readerOf('CRASH');
    t.after(() => reader.close?.());
    for (const _ of [1, 2]) {
      assert.deepEqual(await reader.read(signal), {
        kind: 'failed',
        reason: 'the telemetry process ended with SIGSEGV',
      });
    }
  });

  it('that never returns is killed with its process', async () => {
    const reader = readerOf('HANG', 3_000);
    const answer = await reader.read(signal);
    assert.ok(answer.kind === 'hung', JSON.stringify(answer));
    const mark = answer.process;
    assert.ok(mark !== null);
    await until(() => !isAlive(mark), 'the end of the process');
  });

  it('that never returns ends with the program that asked, however that ends', async () => {
    const library = compileNvml(folder, 'HANG');
    const script = `
      const { createTelemetryProcess } = await import(${JSON.stringify(import.meta.resolve('#src/gpu/telemetryProcess.js'))});
      const telemetry = createTelemetryProcess({ firstDeadlineMs: 1000000 });
      const asked = telemetry.ask({ kind: 'nvml', library: ${JSON.stringify(library)} }, new AbortController().signal);
      await asked;`;
    const asker = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    await until(() => telemetryProcessesOf(asker.pid!, true).length === 1, 'the call');
    const mark = markProcess(telemetryProcessesOf(asker.pid!)[0]!);
    asker.kill('SIGKILL');
    await until(() => !isAlive(mark), 'the end of the process');
  });

  it('is not loaded where its file does not exist', async () => {
    const before = telemetryProcessesOf(process.pid);
    const reader = createNvmlReader(createTelemetryProcess(), ['/nowhere/libnvidia-ml.so.1']);
    assert.deepEqual(await reader.read(signal), { kind: 'absent' });
    assert.deepEqual(telemetryProcessesOf(process.pid), before);
  });

  it('that is no library is a failure', async (t) => {
    const reader = createNvmlReader(createTelemetryProcess({ firstDeadlineMs: patientMs }), [
      '/etc/hostname',
    ]);
    t.after(() => reader.close?.());
    assert.equal((await reader.read(signal)).kind, 'failed');
  });

  it('is looked for where drivers and containers keep it', () => {
    const paths = nvmlPaths('linux', { LD_LIBRARY_PATH: '/a:/b' });
    assert.deepEqual(paths.slice(0, 2), ['/a/libnvidia-ml.so.1', '/b/libnvidia-ml.so.1']);
    assert.ok(paths.includes('/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1'));
    assert.deepEqual(nvmlPaths('darwin', {}), []);
    assert.match(nvmlPaths('win32', { SystemRoot: 'D:\\W' })[0] ?? '', /nvml\.dll$/);
  });
});

describe('the answer of the telemetry process', () => {
  it('of a GPU without memory of its own stands for the memory of the machine', () => {
    const mib = 1024 * 1024;
    const [gpu] = parseNvml([{ name: 'NVIDIA GB10' }], { totalBytes: 1_000 * mib, freeBytes: 400 * mib });
    assert.deepEqual(
      [gpu?.stat.vram_total_mb, gpu?.stat.vram_used_mb, gpu?.stat.vram_free_mb, gpu?.stat.unified_memory],
      [1_000, 600, 400, true],
    );
    assert.equal(parseNvml([{ name: 'NVIDIA H100' }])[0]?.stat.vram_total_mb, null);
  });

  it('is read whatever stands in it', () => {
    const key = fc.constantFrom('name', 'totalMb', 'usedMb', 'utilizationGpu', 'hasUnifiedMemory');
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(fc.dictionary(key, fc.anything()))), (found) => {
        for (const { stat } of parseNvml(found)) assert.ok((stat.utilization_gpu_pct ?? 0) <= 100);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LoadHistory } from '#src/console/loadHistory.js';
import type { GpuSample } from '#src/lib/gpuStat.js';
import { createFrontTotals, FrontTotals, totalsColumn } from '#src/shm/frontTotals.js';

function openHistory() {
  const totals = new FrontTotals(createFrontTotals(2));
  const now = { wallMs: 10_000_000, monotonicMs: 0, cpuMs: 0 };
  let gpus: GpuSample | undefined;
  const history = new LoadHistory({
    totals,
    inFlight: () => 3,
    queued: () => 1,
    gpus: () => gpus,
    clock: { nowMs: () => now.wallMs },
    monotonicMs: () => now.monotonicMs,
    cpuMs: () => now.cpuMs,
  });
  return {
    totals,
    history,
    now,
    showGpus: (sample: GpuSample) => {
      gpus = sample;
    },
    pass: (ms: number, cpuMs = 0) => {
      now.wallMs += ms;
      now.monotonicMs += ms;
      now.cpuMs += cpuMs;
      history.sample();
    },
  };
}

it('turns counts into rates over the time that really passed', () => {
  const { totals, history, pass } = openHistory();
  totals.add(0, totalsColumn.completed, 6);
  totals.add(1, totalsColumn.serverErrors, 4);
  totals.add(1, totalsColumn.failed, 4);
  totals.add(0, totalsColumn.outputTokens, 500);
  pass(2_000, 500);
  const { requestsPerSecond, errorsPerSecond, outputTokensPerSecond, cpuPercent, inFlight, queued } =
    history.newest!;
  assert.deepEqual(
    { requestsPerSecond, errorsPerSecond, outputTokensPerSecond, cpuPercent, inFlight, queued },
    {
      requestsPerSecond: 5,
      errorsPerSecond: 2,
      outputTokensPerSecond: 250,
      cpuPercent: 25,
      inFlight: 3,
      queued: 1,
    },
  );
  pass(1_000);
  assert.equal(history.newest?.requestsPerSecond, 0);
  assert.equal(history.total(totalsColumn.completed), 6);
});

it('goes on counting when a counter of 32 bits runs over', () => {
  const { totals, history, pass } = openHistory();
  const nearlyFull = 2 ** 32 - 10;
  totals.add(0, totalsColumn.inputTokens, nearlyFull);
  pass(1_000);
  totals.add(0, totalsColumn.inputTokens, 30);
  pass(1_000);
  assert.equal(history.newest?.inputTokensPerSecond, 30);
  assert.equal(history.total(totalsColumn.inputTokens), nearlyFull + 30);
});

it('takes percentiles over the last half minute only', () => {
  const { totals, history, pass } = openHistory();
  assert.deepEqual(history.firstTokens, { windowS: 30, count: 0, p50Ms: null, p95Ms: null });
  for (let index = 0; index < 20; index++) totals.countFirstToken(0, 1_000);
  pass(1_000);
  const { count, p50Ms } = history.firstTokens;
  assert.equal(count, 20);
  assert.ok(Math.abs(p50Ms! / 1_000 - 1) < 0.1, `${p50Ms}`);
  for (let second = 0; second < 29; second++) pass(1_000);
  assert.equal(history.firstTokens.count, 20);
  pass(1_000);
  assert.deepEqual(history.firstTokens, { windowS: 30, count: 0, p50Ms: null, p95Ms: null });
  assert.equal(history.newest?.firstTokenP50Ms, null);
});

it('keeps ten minutes and hands out what is new', () => {
  const { history, now, pass } = openHistory();
  for (let second = 0; second < 700; second++) pass(1_000);
  const whole = history.document(0);
  assert.equal(whole.atMs.length, 600);
  assert.equal(whole.requestsPerSecond.length, 600);
  assert.equal(whole.atMs.at(-1), now.wallMs);
  const fresh = history.document(whole.atMs.at(-4)!);
  assert.deepEqual(fresh.atMs, whole.atMs.slice(-3));
});

it('starts anew after the clock was set back, so that rows stay in order', () => {
  const { history, now, pass } = openHistory();
  for (let second = 0; second < 5; second++) pass(1_000);
  now.wallMs -= 3_600_000;
  pass(1_000);
  assert.deepEqual(history.document(0).atMs, [now.wallMs]);
  // Whoever asks for what is new since then gets it too.
  assert.deepEqual(history.document(now.wallMs + 3_600_000).atMs, [now.wallMs]);
});

it('has a column for each GPU, with gaps where it was not measured', () => {
  const { history, pass, showGpus } = openHistory();
  const gpu = (utilization: number, used: number | null) => ({
    name: 'g',
    driver_version: null,
    vram_total_mb: 100,
    vram_used_mb: used,
    vram_free_mb: null,
    utilization_gpu_pct: utilization,
    utilization_mem_pct: null,
  });
  const detail = (index: number) => ({
    index,
    uuid: null,
    temperatureC: null,
    powerW: null,
    smClockMhz: null,
    memoryClockMhz: null,
    xid: null,
  });
  pass(1_000);
  showGpus({
    stats: [gpu(10, 1), gpu(20, null)],
    details: [detail(0), detail(4)],
    sampledAtMs: 0,
    source: 'nvml',
  });
  pass(1_000);
  assert.deepEqual(history.document(0).gpus, [
    { index: 0, utilizationPercent: [null, 10], memoryUsedMiB: [null, 1] },
    { index: 4, utilizationPercent: [null, 20], memoryUsedMiB: [null, null] },
  ]);
});

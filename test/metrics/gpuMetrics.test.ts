import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GpuDetail, GpuSample, GpuStat } from '#src/lib/gpuStat.js';
import { addGpuMetrics } from '#src/metrics/gpuMetrics.js';
import { MetricsRegistry } from '#src/metrics/threadMetrics.js';

const stat: GpuStat = {
  name: 'NVIDIA H100 80GB HBM3',
  driver_version: '550.54.15',
  vram_total_mb: 81_559,
  vram_used_mb: 4_321,
  vram_free_mb: 77_238,
  utilization_gpu_pct: 37,
  utilization_mem_pct: 0,
};
const detail: GpuDetail = {
  index: 0,
  uuid: 'GPU-1',
  temperatureC: 41,
  powerW: 118.42,
  smClockMhz: 1_755,
  memoryClockMhz: 2_619,
  xid: null,
};
const nothing: GpuStat = {
  name: null,
  driver_version: null,
  vram_total_mb: null,
  vram_used_mb: null,
  vram_free_mb: null,
  utilization_gpu_pct: null,
  utilization_mem_pct: null,
};
const silentDetail: GpuDetail = {
  index: 1,
  uuid: null,
  temperatureC: null,
  powerW: null,
  smClockMhz: null,
  memoryClockMhz: null,
  xid: 79,
};

function createScrape(sample: GpuSample | undefined, nowMs = 10_000) {
  const registry = new MetricsRegistry();
  const current = { sample };
  const metrics = addGpuMetrics(registry, () => current.sample, { nowMs: () => nowMs });
  const lines = async (): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return { current, metrics, registry, lines };
}

describe('metrics of GPUs', () => {
  it('stand under the names of the network and of the DCGM exporter, with its labels and units', async () => {
    const sample: GpuSample = {
      source: 'nvml',
      sampledAtMs: 7_500,
      stats: [stat],
      details: [{ ...detail, xid: 0 }],
    };
    const labels = 'gpu="0",UUID="GPU-1",device="nvidia0",modelName="NVIDIA H100 80GB HBM3"';
    assert.deepEqual(await createScrape(sample).lines(), [
      'gpu_utilization_percent{gpu="0",name="NVIDIA H100 80GB HBM3"} 37',
      'gpu_memory_used_bytes{gpu="0",name="NVIDIA H100 80GB HBM3"} 4530896896',
      `DCGM_FI_DEV_GPU_UTIL{${labels}} 37`,
      `DCGM_FI_DEV_MEM_COPY_UTIL{${labels}} 0`,
      `DCGM_FI_DEV_FB_USED{${labels}} 4321`,
      `DCGM_FI_DEV_FB_FREE{${labels}} 77238`,
      `DCGM_FI_DEV_GPU_TEMP{${labels}} 41`,
      `DCGM_FI_DEV_POWER_USAGE{${labels}} 118.42`,
      `DCGM_FI_DEV_SM_CLOCK{${labels}} 1755`,
      `DCGM_FI_DEV_MEM_CLOCK{${labels}} 2619`,
      `DCGM_FI_DEV_XID_ERRORS{${labels}} 0`,
      'fxn_gpus 1',
      'fxn_gpu_sample_age_seconds 2.5',
    ]);
  });

  it('have no series for what was not measured', async () => {
    const sample: GpuSample = {
      source: 'amd-smi',
      sampledAtMs: 10_000,
      stats: [nothing],
      details: [silentDetail],
    };
    assert.deepEqual(await createScrape(sample).lines(), [
      'DCGM_FI_DEV_XID_ERRORS{gpu="1",UUID="",device="gpu1",modelName=""} 79',
      'fxn_gpus 1',
      'fxn_gpu_sample_age_seconds 0',
    ]);
  });

  it('vanish with the sample, and with a GPU that is gone', async () => {
    const second = { ...detail, index: 1, uuid: 'GPU-2' };
    const both: GpuSample = {
      source: 'nvml',
      sampledAtMs: 0,
      stats: [stat, stat],
      details: [detail, second],
    };
    const scrape = createScrape(both);
    assert.ok((await scrape.lines()).some((line) => line.includes('GPU-2')));
    scrape.current.sample = { ...both, stats: [stat], details: [detail] };
    assert.ok(!(await scrape.lines()).some((line) => line.includes('GPU-2')));
    scrape.current.sample = undefined;
    assert.deepEqual(await scrape.lines(), []);
    assert.deepEqual(await createScrape(undefined).lines(), []);
  });

  it('are of 64 GPUs at most', async () => {
    const count = 500;
    const sample: GpuSample = {
      source: 'nvml',
      sampledAtMs: 0,
      stats: Array.from({ length: count }, () => stat),
      details: Array.from({ length: count }, (_, index) => ({ ...detail, index })),
    };
    const lines = await createScrape(sample).lines();
    assert.equal(lines.filter((line) => line.startsWith('DCGM_FI_DEV_GPU_UTIL')).length, 64);
  });

  it('count failed attempts by source', async () => {
    const { metrics, lines } = createScrape(undefined);
    metrics.countFailure('nvml');
    metrics.countFailure('nvml');
    metrics.countFailure('rocm-smi');
    assert.deepEqual(await lines(), [
      'fxn_gpu_probe_failures_total{source="nvml"} 2',
      'fxn_gpu_probe_failures_total{source="rocm-smi"} 1',
    ]);
  });
});

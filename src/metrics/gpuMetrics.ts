/**
 * GPUs as they were last sampled: under the names that the network's dashboards read, and under those of NVIDIA's
 * DCGM exporter with its labels and units, so that its dashboards work unchanged. What was not measured has no series.
 * Runs in main.
 */
import { Counter, Gauge } from 'prom-client';
import { type Clock, systemClock } from '../lib/clock.js';
import type { GpuDetail, GpuSample, GpuSource, GpuStat } from '../lib/gpuStat.js';
import type { MetricsRegistry } from './threadMetrics.js';

export interface GpuMetrics {
  countFailure(source: GpuSource): void;
}

type Figure = (stat: GpuStat, detail: GpuDetail) => number | null;

const mib = 1024 * 1024;
/** A series for each GPU and figure: bounded whatever the sample holds. */
const maxGpus = 64;

const figures: readonly (readonly [name: string, help: string, figure: Figure])[] = [
  ['DCGM_FI_DEV_GPU_UTIL', 'GPU utilization (in %).', (stat) => stat.utilization_gpu_pct],
  ['DCGM_FI_DEV_MEM_COPY_UTIL', 'Memory utilization (in %).', (stat) => stat.utilization_mem_pct],
  ['DCGM_FI_DEV_FB_USED', 'Framebuffer memory used (in MiB).', (stat) => stat.vram_used_mb],
  ['DCGM_FI_DEV_FB_FREE', 'Framebuffer memory free (in MiB).', (stat) => stat.vram_free_mb],
  ['DCGM_FI_DEV_GPU_TEMP', 'GPU temperature (in C).', (_, detail) => detail.temperatureC],
  ['DCGM_FI_DEV_POWER_USAGE', 'Power draw (in W).', (_, detail) => detail.powerW],
  ['DCGM_FI_DEV_SM_CLOCK', 'SM clock frequency (in MHz).', (_, detail) => detail.smClockMhz],
  ['DCGM_FI_DEV_MEM_CLOCK', 'Memory clock frequency (in MHz).', (_, detail) => detail.memoryClockMhz],
  ['DCGM_FI_DEV_XID_ERRORS', 'Value of the last XID error encountered.', (_, detail) => detail.xid],
];

/** @param latest the last sample, `undefined` when there is none or it is too old to be shown */
export function addGpuMetrics(
  registry: MetricsRegistry,
  latest: () => GpuSample | undefined,
  clock: Clock = systemClock,
): GpuMetrics {
  const eachGpu = (visit: (stat: GpuStat, detail: GpuDetail, sample: GpuSample) => void): void => {
    const sample = latest();
    sample?.stats.slice(0, maxGpus).forEach((stat, place) => {
      const detail = sample.details[place];
      if (detail !== undefined) visit(stat, detail, sample);
    });
  };

  const keptGauge = (name: string, help: string, figure: Figure): void => {
    registry.add(
      new Gauge({
        name,
        help,
        labelNames: ['gpu', 'name'],
        registers: [],
        collect() {
          this.reset();
          eachGpu((stat, detail) => {
            const value = figure(stat, detail);
            if (value !== null) this.set({ gpu: String(detail.index), name: stat.name ?? '' }, value);
          });
        },
      }),
    );
  };
  keptGauge(
    'gpu_utilization_percent',
    'How busy a GPU is, in percent, as last sampled; absent where it was not measured.',
    (stat) => stat.utilization_gpu_pct,
  );
  keptGauge(
    'gpu_memory_used_bytes',
    'Memory of a GPU in use, as last sampled; absent where it was not measured.',
    ({ vram_used_mb: used }) => (used === null ? null : used * mib),
  );

  for (const [name, help, figure] of figures) {
    registry.add(
      new Gauge({
        name,
        help,
        labelNames: ['gpu', 'UUID', 'device', 'modelName'],
        registers: [],
        collect() {
          this.reset();
          eachGpu((stat, detail, sample) => {
            const value = figure(stat, detail);
            if (value !== null) this.set(dcgmLabels(stat, detail, sample), value);
          });
        },
      }),
    );
  }

  registry.add(
    new Gauge({
      name: 'fxn_gpus',
      help: 'GPUs of the last sample; absent without one, so also when sampling has come to a halt.',
      registers: [],
      collect() {
        const sample = latest();
        if (sample === undefined) this.remove();
        else this.set(sample.stats.length);
      },
    }),
  );
  registry.add(
    new Gauge({
      name: 'fxn_gpu_sample_age_seconds',
      help: 'Time since the GPUs were last sampled; absent without a sample.',
      registers: [],
      collect() {
        // A reset would show a zero.
        this.remove();
        const sample = latest();
        if (sample !== undefined) this.set(Math.max(0, clock.nowMs() - sample.sampledAtMs) / 1000);
      },
    }),
  );
  const failures = registry.add(
    new Counter({
      name: 'fxn_gpu_probe_failures_total',
      help: 'Attempts to read GPU figures that failed or got no answer in time, by source.',
      labelNames: ['source'],
      registers: [],
    }),
  );
  return { countFailure: (source) => failures.inc({ source }) };
}

function dcgmLabels(
  stat: GpuStat,
  { index, uuid }: GpuDetail,
  { source }: GpuSample,
): Record<string, string> {
  const isNvidia = source === 'nvml' || source === 'nvidia-smi';
  return {
    gpu: String(index),
    UUID: uuid ?? '',
    device: `${isNvidia ? 'nvidia' : 'gpu'}${index}`,
    modelName: stat.name ?? '',
  };
}

/** What is known of the GPUs of this machine at one moment. Measured by `src/gpu`, shown by challenges and metrics. */

/** One GPU as the network's scheduler reads it; `null` is what could not be measured. */
export interface GpuStat {
  readonly name: string | null;
  readonly driver_version: string | null;
  readonly vram_total_mb: number | null;
  readonly vram_used_mb: number | null;
  readonly vram_free_mb: number | null;
  readonly utilization_gpu_pct: number | null;
  readonly utilization_mem_pct: number | null;
  /** Present when true: the GPU shares the machine's memory. */
  readonly unified_memory?: true;
  /** Names of the fields that are `null`; absent when all were measured. */
  readonly unavailable?: readonly string[];
}

/** More of the same GPU, for metrics only. */
export interface GpuDetail {
  /** Place among the GPUs of this sample, from 0; MIG instances have their own. */
  readonly index: number;
  readonly uuid: string | null;
  readonly temperatureC: number | null;
  readonly powerW: number | null;
  readonly smClockMhz: number | null;
  readonly memoryClockMhz: number | null;
  /** Last XID error; 0 when there was none. */
  readonly xid: number | null;
}

export type GpuSource =
  | 'nvml'
  | 'nvidia-smi'
  | 'amd-smi'
  | 'rocm-smi'
  | 'sysfs'
  | 'system_profiler'
  | 'systeminformation';

export interface GpuSample {
  readonly stats: readonly GpuStat[];
  /** One for each of `stats`, in the same order. */
  readonly details: readonly GpuDetail[];
  /** Unix milliseconds. */
  readonly sampledAtMs: number;
  readonly source: GpuSource;
}

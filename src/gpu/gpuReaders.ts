/** The sources of GPU figures of this machine, best first. Runs in main. */
import { createAmdSmiReader } from './amdSmi.js';
import type { GpuReader } from './gpuReader.js';
import { createNvidiaSmiReader } from './nvidiaSmi.js';
import { createNvmlReader } from './nvml.js';
import { createRocmSmiReader } from './rocmSmi.js';
import { createSysfsReader } from './sysfs.js';
import { createSystemInformationReader } from './systemInformation.js';
import { createSystemProfilerReader } from './systemProfiler.js';
import { createTelemetryProcess } from './telemetryProcess.js';

export function createGpuReaders(): GpuReader[] {
  const telemetry = createTelemetryProcess();
  return [
    createNvmlReader(telemetry),
    createNvidiaSmiReader(),
    createAmdSmiReader(),
    createRocmSmiReader(),
    createSysfsReader(),
    createSystemProfilerReader(),
    createSystemInformationReader(telemetry),
  ];
}

/**
 * NVIDIA's management library through FFI. Names, argument types and numbers are those of `nvml.h`. Runs only in the
 * telemetry process: a call may never return.
 */
import koffi from 'koffi';
import type { GpuFigures } from './gpuReading.js';

export interface NvmlLibrary {
  /** Throws when the driver does not answer at all; what a single GPU does not tell is left out. */
  sample(): GpuFigures[];
  close(): void;
}

const success = 0;
/** Lengths that the newest names and identifiers need. */
const nameBytes = 96;
const driverVersionBytes = 80;
const temperatureOfGpu = 0;
const smClock = 1;
const memoryClock = 2;
const migEnabled = 1;
const mib = 1024 * 1024;

/** A type, or a pointer to one with its direction. */
type Argument = Parameters<typeof koffi.out>[0];
type Call = (...args: unknown[]) => number;
/** A pointer that only the library understands. */
type Device = unknown;

interface MemoryInfo {
  readonly total: number | bigint;
  readonly free: number | bigint;
  readonly used: number | bigint;
}

const device = koffi.pointer('nvmlDevice_t', koffi.opaque());
const memoryInfo = koffi.struct({ total: 'uint64_t', free: 'uint64_t', used: 'uint64_t' });
/** With what the driver keeps for itself apart, as `nvidia-smi` counts. */
const memoryInfo2 = koffi.struct({
  version: 'uint32_t',
  total: 'uint64_t',
  reserved: 'uint64_t',
  free: 'uint64_t',
  used: 'uint64_t',
});
const memoryInfo2Version = koffi.sizeof(memoryInfo2) | (2 << 24);
const utilization = koffi.struct({ gpu: 'uint32_t', memory: 'uint32_t' });

/** Loads the library; throws when it is none. */
export function openNvml(path: string): NvmlLibrary {
  const library = koffi.load(path);
  const find = (name: string, args: readonly Argument[]): Call =>
    library.func(name, 'int', [...args]) as Call;
  /** Drivers of different ages know different functions. */
  const findOptional = (name: string, args: readonly Argument[]): Call | undefined => {
    try {
      return find(name, args);
    } catch {
      // Not in this library.
      return undefined;
    }
  };
  const outNumber = koffi.out(koffi.pointer('uint32_t'));
  const outDevice = koffi.out(koffi.pointer(device));

  const init = find('nvmlInit_v2', []);
  const shutdown = find('nvmlShutdown', []);
  const countDevices = find('nvmlDeviceGetCount_v2', [outNumber]);
  const deviceByIndex = find('nvmlDeviceGetHandleByIndex_v2', ['uint32_t', outDevice]);
  const driverVersion = findOptional('nvmlSystemGetDriverVersion', ['void *', 'uint32_t']);
  const nameOf = findOptional('nvmlDeviceGetName', [device, 'void *', 'uint32_t']);
  const uuidOf = findOptional('nvmlDeviceGetUUID', [device, 'void *', 'uint32_t']);
  const memoryOf = findOptional('nvmlDeviceGetMemoryInfo', [device, koffi.out(koffi.pointer(memoryInfo))]);
  const memoryOf2 = findOptional('nvmlDeviceGetMemoryInfo_v2', [
    device,
    koffi.inout(koffi.pointer(memoryInfo2)),
  ]);
  const utilizationOf = findOptional('nvmlDeviceGetUtilizationRates', [
    device,
    koffi.out(koffi.pointer(utilization)),
  ]);
  const temperatureOf = findOptional('nvmlDeviceGetTemperature', [device, 'uint32_t', outNumber]);
  const powerOf = findOptional('nvmlDeviceGetPowerUsage', [device, outNumber]);
  const clockOf = findOptional('nvmlDeviceGetClockInfo', [device, 'uint32_t', outNumber]);
  const migModeOf = findOptional('nvmlDeviceGetMigMode', [device, outNumber, outNumber]);
  const maxInstancesOf = findOptional('nvmlDeviceGetMaxMigDeviceCount', [device, outNumber]);
  const instanceByIndex = findOptional('nvmlDeviceGetMigDeviceHandleByIndex', [
    device,
    'uint32_t',
    outDevice,
  ]);

  /** The number that a call writes into its last argument; `undefined` when the GPU does not tell. */
  const numberOf = (call: Call | undefined, ...args: unknown[]): number | undefined => {
    const out: [number] = [0];
    return call?.(...args, out) === success ? out[0] : undefined;
  };
  const textOf = (call: Call | undefined, bytes: number, ...args: unknown[]): string | undefined => {
    const buffer = Buffer.alloc(bytes);
    if (call?.(...args, buffer, bytes) !== success) return undefined;
    const end = buffer.indexOf(0);
    return buffer.toString('utf8', 0, end === -1 ? bytes : end);
  };
  const handleOf = (call: Call | undefined, ...args: unknown[]): Device | undefined => {
    const out: [Device] = [null];
    return call?.(...args, out) === success && out[0] !== null ? out[0] : undefined;
  };

  const memoryFigures = (gpu: Device): GpuFigures => {
    const apart = { version: memoryInfo2Version };
    if (memoryOf2?.(gpu, apart) === success) return inMib(apart as unknown as MemoryInfo);
    const together = {};
    return memoryOf?.(gpu, together) === success ? inMib(together as MemoryInfo) : {};
  };

  const figuresOf = (gpu: Device): GpuFigures => {
    const rates: { gpu?: number; memory?: number } = {};
    const hasRates = utilizationOf?.(gpu, rates) === success;
    const milliwatts = numberOf(powerOf, gpu);
    return {
      name: textOf(nameOf, nameBytes, gpu),
      uuid: textOf(uuidOf, nameBytes, gpu),
      ...memoryFigures(gpu),
      utilizationGpu: hasRates ? rates.gpu : undefined,
      utilizationMemory: hasRates ? rates.memory : undefined,
      temperatureC: numberOf(temperatureOf, gpu, temperatureOfGpu),
      powerW: milliwatts === undefined ? undefined : milliwatts / 1000,
      smClockMhz: numberOf(clockOf, gpu, smClock),
      memoryClockMhz: numberOf(clockOf, gpu, memoryClock),
    };
  };

  const instancesOf = (gpu: Device): Device[] => {
    const mode: [number] = [0];
    if (migModeOf?.(gpu, mode, [0]) !== success || mode[0] !== migEnabled) return [];
    const most = numberOf(maxInstancesOf, gpu) ?? 0;
    // Places of instances that do not exist answer "not found".
    return Array.from({ length: most }, (_, index) => handleOf(instanceByIndex, gpu, index)).filter(
      (instance) => instance !== undefined,
    );
  };

  /** Instances stand for their GPU, whose memory they share out; they have its temperature and clocks, not its power. */
  const withInstances = (gpu: Device): GpuFigures[] => {
    const whole = figuresOf(gpu);
    const { temperatureC, smClockMhz, memoryClockMhz } = whole;
    const instances = instancesOf(gpu).map((instance) => ({
      ...figuresOf(instance),
      temperatureC,
      smClockMhz,
      memoryClockMhz,
      powerW: undefined,
    }));
    return instances.length > 0 ? instances : [whole];
  };

  let isOpen = false;
  const close = (): void => {
    if (isOpen) shutdown();
    isOpen = false;
  };
  const must = (call: string, result: number): void => {
    if (result === success) return;
    // After a reset of the driver only a new beginning helps.
    close();
    throw new Error(`${call} answered ${result}`);
  };

  return {
    sample() {
      if (!isOpen) must('nvmlInit_v2', init());
      isOpen = true;
      const count: [number] = [0];
      must('nvmlDeviceGetCount_v2', countDevices(count));
      const version = textOf(driverVersion, driverVersionBytes);
      const gpus: Device[] = [];
      let refusal = success;
      for (let index = 0; index < count[0]; index++) {
        const out: [Device] = [null];
        const result = deviceByIndex(index, out);
        if (result === success) gpus.push(out[0]);
        else refusal = result;
      }
      if (gpus.length === 0) must('nvmlDeviceGetHandleByIndex_v2', refusal);
      return gpus.flatMap(withInstances).map((figures) => ({ ...figures, driverVersion: version }));
    },
    close,
  };
}

const inMib = ({ total, free, used }: MemoryInfo): GpuFigures => ({
  totalMb: Number(total) / mib,
  freeMb: Number(free) / mib,
  usedMb: Number(used) / mib,
});

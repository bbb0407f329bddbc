/**
 * What this process may still take of its machine: room on the disk of the home folder, and memory. Both run out
 * without a word from this program. Runs in main.
 */
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { Gauge } from 'prom-client';
import type { MetricsRegistry } from './threadMetrics.js';

/** A network file system that hangs must not hold up a scrape. */
const diskPatienceMs = 1_000;

/** @param home folder whose file system is told of */
export function addMachineMetrics(registry: MetricsRegistry, home: string): void {
  let looking: Promise<DiskRoom | undefined> | undefined;
  /** Both gauges of one scrape ask the system once, and one that hangs is not asked again. */
  const look = (): Promise<DiskRoom | undefined> => {
    looking ??= readDisk(home).finally(() => {
      looking = undefined;
    });
    return inTime(looking);
  };
  const diskGauge = (name: string, help: string, figure: (room: DiskRoom) => number): void => {
    registry.add(
      new Gauge({
        name,
        help,
        registers: [],
        async collect() {
          const room = await look();
          if (room === undefined) this.remove();
          else this.set(figure(room));
        },
      }),
    );
  };
  diskGauge(
    'fxn_home_free_bytes',
    'Room for an ordinary user on the file system of the home folder; absent when it does not answer.',
    ({ freeBytes }) => freeBytes,
  );
  diskGauge(
    'fxn_home_size_bytes',
    'Size of the file system of the home folder; absent when it does not answer.',
    ({ sizeBytes }) => sizeBytes,
  );
  registry.addGauge(
    'fxn_memory_available_bytes',
    'Memory that this process can still get, under the limit of its container if there is one.',
    () => process.availableMemory(),
  );
  registry.addGauge(
    'fxn_memory_limit_bytes',
    'Memory of the machine, or the limit of the container that this process runs in.',
    memoryLimitBytes,
  );
}

interface DiskRoom {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

async function readDisk(folder: string): Promise<DiskRoom | undefined> {
  try {
    const { bsize, bavail, blocks } = await statfs(folder);
    return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  } catch {
    // The folder is gone or cannot be read: what is not known has no sample.
    return undefined;
  }
}

async function inTime<Result>(pending: Promise<Result>): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, diskPatienceMs, undefined);
  });
  const result = await Promise.race([pending, late]);
  clearTimeout(timer);
  return result;
}

function memoryLimitBytes(): number {
  const limit = process.constrainedMemory();
  // Without a container it is 0, or a number beyond all memory.
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

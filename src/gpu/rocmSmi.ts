/**
 * AMD GPUs as `rocm-smi` lists them, for machines from before `amd-smi`: a table with a header, columns in an order
 * that changed between releases, bytes, and warnings before it. Runs in main.
 */
import type { GpuReader } from './gpuReader.js';
import { type GpuReading, gpuReading } from './gpuReading.js';
import { readOutput } from './readTool.js';
import { runTool, type ToolCall } from './runTool.js';

const rocmSmiQuery: readonly string[] = ['--showmeminfo', 'vram', '--showuse', '--showproductname', '--csv'];

const mib = 1024 * 1024;
const identifier = /^0x[0-9a-f]+$/i;

const mibOf = (bytes: string | undefined): number | undefined =>
  bytes !== undefined && /^\d+$/.test(bytes) ? Number(bytes) / mib : undefined;

/** The first of the columns that holds a name rather than a number or nothing. */
function nameIn(row: ReadonlyMap<string, string>): string | undefined {
  for (const column of ['card series', 'device name', 'card model']) {
    const value = row.get(column);
    if (value !== undefined && value !== '' && !identifier.test(value) && !/^n\/?a$/i.test(value))
      return value;
  }
  return undefined;
}

export function parseRocmSmi(output: string): GpuReading[] {
  const readings: GpuReading[] = [];
  let header: readonly string[] | undefined;
  for (const line of output.split(/\r?\n/)) {
    const cells = line.split(',').map((cell) => cell.trim());
    if (/^device$/i.test(cells[0] ?? '')) {
      // Releases differ in capitals.
      header = cells.map((cell) => cell.toLowerCase());
      continue;
    }
    if (header === undefined || !/^card\d+$/.test(cells[0] ?? '')) continue;
    const row = new Map(header.map((column, place) => [column, cells[place] ?? '']));
    const uuid = row.get('unique id');
    readings.push(
      gpuReading({
        name: nameIn(row),
        uuid,
        totalMb: mibOf(row.get('vram total memory (b)')),
        usedMb: mibOf(row.get('vram total used memory (b)')),
        utilizationGpu: row.get('gpu use (%)'),
      }),
    );
  }
  return readings;
}

export function createRocmSmiReader(
  run: (call: ToolCall) => ReturnType<typeof runTool> = runTool,
): GpuReader {
  const command = 'rocm-smi';
  return {
    source: 'rocm-smi',
    async read(signal) {
      return readOutput(command, await run({ command, args: rocmSmiQuery, signal }), parseRocmSmi);
    },
  };
}

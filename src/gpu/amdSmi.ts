/**
 * AMD GPUs as `amd-smi` describes them: what they are from `static`, asked once, what they do from `metric`. The
 * answer is a list, or in newer releases an object around it; values are `{value, unit}`, and were bare numbers before. Runs in main.
 */

import { isRecord, parseJson } from '../lib/unknownJson.js';
import { foundOrNone, type GpuReader } from './gpuReader.js';
import { type GpuFigures, type GpuReading, gpuReading } from './gpuReading.js';
import { readOutput } from './readTool.js';
import { runTool, type ToolCall } from './runTool.js';

type Path = readonly string[];

function at(value: unknown, path: Path): unknown {
  let found = value;
  for (const key of path) found = isRecord(found) ? found[key] : undefined;
  return found;
}

/** A number and its unit in lower case, of any of the shapes; `undefined` for "N/A" and whatever else is none. */
function quantityOf(value: unknown): { number: number; unit: string } | undefined {
  if (typeof value === 'number') return { number: value, unit: '' };
  if (typeof value === 'string') {
    const [, digits, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z%°]*)\s*$/i.exec(value) ?? [];
    return digits === undefined ? undefined : { number: Number(digits), unit: unit.toLowerCase() };
  }
  if (!isRecord(value)) return undefined;
  const inner = value['value'];
  if (typeof inner !== 'number' && typeof inner !== 'string') return undefined;
  const unit = value['unit'];
  const quantity = quantityOf(inner);
  return quantity && typeof unit === 'string' ? { ...quantity, unit: unit.toLowerCase() } : quantity;
}

/** The first of several places that holds a quantity: names changed between releases. */
function firstQuantity(entry: unknown, paths: readonly Path[]): ReturnType<typeof quantityOf> {
  for (const path of paths) {
    const quantity = quantityOf(at(entry, path));
    if (quantity !== undefined) return quantity;
  }
  return undefined;
}

/** The tool says MB and means MiB. */
const mibPerUnit: Readonly<Record<string, number>> = {
  '': 1,
  mb: 1,
  mib: 1,
  gb: 1024,
  gib: 1024,
  kb: 1 / 1024,
  kib: 1 / 1024,
  b: 1 / (1024 * 1024),
};

function mibOf(entry: unknown, paths: readonly Path[]): number | undefined {
  const quantity = firstQuantity(entry, paths);
  const scale = quantity && mibPerUnit[quantity.unit];
  return quantity === undefined || scale === undefined ? undefined : quantity.number * scale;
}

function firstText(entry: unknown, paths: readonly Path[]): string | undefined {
  for (const path of paths) {
    const value = at(entry, path);
    if (typeof value === 'string' && value !== '' && !/^n\/?a$/i.test(value)) return value;
  }
  return undefined;
}

/** The GPUs of an answer by their number. */
function entriesOf(output: string): Map<number, unknown> {
  // Warnings may stand before the answer.
  const parsed = parseJson(output) ?? parseJson(output.slice(Math.max(0, output.search(/^[[{]/m))));
  const list = isRecord(parsed) ? (parsed['gpu_data'] ?? [parsed]) : parsed;
  const entries = new Map<number, unknown>();
  if (!Array.isArray(list)) return entries;
  for (const entry of list as readonly unknown[]) {
    const gpu = at(entry, ['gpu']);
    if (typeof gpu === 'number' && Number.isInteger(gpu) && gpu >= 0) entries.set(gpu, entry);
  }
  return entries;
}

function figuresOf(description: unknown, metric: unknown): GpuFigures {
  const number = (...paths: Path[]): number | undefined => firstQuantity(metric, paths)?.number;
  return {
    name: firstText(description, [
      ['asic', 'market_name'],
      ['board', 'product_name'],
    ]),
    driverVersion: firstText(description, [
      ['driver', 'version'],
      ['driver', 'driver_version'],
    ]),
    uuid: firstText(description, [['asic', 'asic_serial']]),
    totalMb:
      mibOf(metric, [
        ['mem_usage', 'total_vram'],
        ['fb_usage', 'vram_total'],
      ]) ??
      mibOf(description, [
        ['vram', 'size'],
        ['vram', 'vram_size_mb'],
      ]),
    usedMb: mibOf(metric, [
      ['mem_usage', 'used_vram'],
      ['fb_usage', 'vram_used'],
    ]),
    freeMb: mibOf(metric, [['mem_usage', 'free_vram']]),
    utilizationGpu: number(['usage', 'gfx_activity'], ['usage', 'gfx_usage']),
    utilizationMemory: number(['usage', 'umc_activity'], ['usage', 'mem_usage']),
    // Servers have no sensor at the edge.
    temperatureC: number(['temperature', 'edge'], ['temperature', 'hotspot']),
    powerW: number(['power', 'socket_power'], ['power', 'current_power'], ['power', 'average_socket_power']),
    smClockMhz: number(['clock', 'gfx_0', 'clk'], ['clock', 'gfx', 'cur_clk'], ['clock', 'gfx', 'clk']),
    memoryClockMhz: number(['clock', 'mem_0', 'clk'], ['clock', 'mem', 'cur_clk'], ['clock', 'mem', 'clk']),
  };
}

/** One reading for each GPU of `metric`, in the order of their numbers. */
export function parseAmdSmi(staticOutput: string, metricOutput: string): GpuReading[] {
  const descriptions = entriesOf(staticOutput);
  return [...entriesOf(metricOutput)]
    .sort(([one], [other]) => one - other)
    .map(([gpu, metric]) => gpuReading(figuresOf(descriptions.get(gpu), metric)));
}

export function createAmdSmiReader(run: (call: ToolCall) => ReturnType<typeof runTool> = runTool): GpuReader {
  const command = 'amd-smi';
  /** Does not change while the node runs, except by a reset of GPUs, which changes their number for a moment. */
  let description: { readonly output: string; readonly gpus: number } | undefined;
  return {
    source: 'amd-smi',
    async read(signal) {
      let metricOutput = '';
      const answer = readOutput(
        command,
        await run({ command, args: ['metric', '--json'], signal }),
        (output) => {
          metricOutput = output;
          return parseAmdSmi('', output);
        },
      );
      if (answer.kind !== 'found') return answer;
      if (description?.gpus !== answer.gpus.length) {
        const outcome = await run({ command, args: ['static', '--json'], signal });
        if (outcome.kind === 'hung') return outcome;
        // Without names the figures are still good.
        if (outcome.kind !== 'ended' || entriesOf(outcome.output).size === 0) return answer;
        description = { output: outcome.output, gpus: answer.gpus.length };
      }
      return foundOrNone(parseAmdSmi(description.output, metricOutput));
    },
  };
}

/**
 * AMD GPUs as the kernel shows them in files, without any tool. Reading such a file waits for the driver and cannot
 * be interrupted, so it is given up at a deadline and not begun again before it ended. Runs in main.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { foundOrNone, type GpuReader, type ReadOutcome } from './gpuReader.js';
import { type GpuReading, gpuReading } from './gpuReading.js';

export interface SysfsOptions {
  /** For tests. */
  readonly root?: string;
  readonly deadlineMs?: number;
}

const files = [
  'vendor',
  'product_name',
  'unique_id',
  'mem_info_vram_total',
  'mem_info_vram_used',
  'gpu_busy_percent',
  'mem_busy_percent',
] as const;

/** The text of a card's files; those that cannot be read are left out. */
export type CardFiles = Readonly<Partial<Record<(typeof files)[number], string>>>;

const amd = '0x1002';
const mib = 1024 * 1024;

/** `undefined` for a card of another maker, whose driver has no such files, or without memory figures. */
export function parseCard(card: CardFiles): GpuReading | undefined {
  const mibOf = (text: string | undefined): number | undefined =>
    text !== undefined && /^\s*\d+\s*$/.test(text) ? Number(text) / mib : undefined;
  const totalMb = mibOf(card.mem_info_vram_total);
  if (card.vendor?.trim().toLowerCase() !== amd || totalMb === undefined) return undefined;
  return gpuReading({
    name: card.product_name,
    uuid: card.unique_id,
    totalMb,
    usedMb: mibOf(card.mem_info_vram_used),
    utilizationGpu: card.gpu_busy_percent,
    utilizationMemory: card.mem_busy_percent,
  });
}

async function readCard(folder: string): Promise<CardFiles> {
  const card: Partial<Record<(typeof files)[number], string>> = {};
  // One after the other: each may hold one of the few threads that Node.js reads files with.
  for (const name of files) {
    try {
      card[name] = await readFile(join(folder, name), 'utf8');
    } catch {
      // This card has no such file, or its driver refuses to measure now.
    }
    if (name === 'vendor' && card.vendor?.trim().toLowerCase() !== amd) return card;
  }
  return card;
}

async function readCards(root: string): Promise<ReadOutcome> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'ENOENT') return { kind: 'absent' };
    return { kind: 'failed', reason: String(thrown) };
  }
  // `card0-DP-1` is a socket of a card.
  const cards = names
    .filter((name) => /^card\d+$/.test(name))
    .sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)));
  const readings: GpuReading[] = [];
  for (const name of cards) {
    const reading = parseCard(await readCard(join(root, name, 'device')));
    if (reading !== undefined) readings.push(reading);
  }
  return foundOrNone(readings);
}

export function createSysfsReader({
  root = '/sys/class/drm',
  deadlineMs = 5_000,
}: SysfsOptions = {}): GpuReader {
  let isReading = false;
  return {
    source: 'sysfs',
    read(signal) {
      if (isReading) return Promise.resolve({ kind: 'failed', reason: 'an earlier read still waits' });
      isReading = true;
      return new Promise((resolve) => {
        const settle = (outcome: ReadOutcome): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          resolve(outcome);
        };
        const onAbort = (): void => settle({ kind: 'failed', reason: 'the read was interrupted' });
        const timer = setTimeout(
          () => settle({ kind: 'hung', reason: `no answer within ${deadlineMs} ms`, process: null }),
          deadlineMs,
        );
        signal.addEventListener('abort', onAbort);
        void readCards(root).then((outcome) => {
          isReading = false;
          settle(outcome);
        });
      });
    },
  };
}

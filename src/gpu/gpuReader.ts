/** What every source of GPU figures offers, and how it may answer. Runs in main and the command line. */
import type { GpuSource } from '../lib/gpuStat.js';
import type { GpuReading } from './gpuReading.js';
import type { ProcessMark } from './processMark.js';

export type ReadOutcome =
  /** At least one GPU. */
  | { readonly kind: 'found'; readonly gpus: readonly GpuReading[] }
  /** The source answered and knows no GPU. */
  | { readonly kind: 'none' }
  /** The tool, the library or the folder is not on this machine. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** No answer in time. What may still run stands in `process`; `null` when nothing does that could be named. */
  | { readonly kind: 'hung'; readonly reason: string; readonly process: ProcessMark | null };

export interface GpuReader {
  readonly source: GpuSource;
  /** Never rejects, and answers within its own deadline or when `signal` aborts, whichever comes first. */
  read(signal: AbortSignal): Promise<ReadOutcome>;
  /** Ends what the reader keeps running between reads. */
  close?(): void;
}

/** An answer with what a parser found. */
export const foundOrNone = (gpus: readonly GpuReading[]): ReadOutcome =>
  gpus.length > 0 ? { kind: 'found', gpus } : { kind: 'none' };

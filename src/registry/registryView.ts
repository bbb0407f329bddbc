/**
 * The reading end of a registry: who is in it, and whether that is recent enough to act on. Opened over the
 * registry's cell by every thread that needs it; a look-up allocates nothing. Runs in fronts and main.
 */
import type { Clock } from '../lib/clock.js';
import { openCellReader } from '../shm/snapshotCell.js';
import { decodeRegistrySnapshot, type RegistrySnapshot } from './registrySnapshot.js';

export interface RegistryView {
  /**
   * `namedByActive` and `namedByPaused` bits of the address whose five little-endian words are given; 0 when it
   * is absent. Says nothing of freshness: ask `isFresh` first.
   */
  lookup(words: Int32Array): number;
  /** Whether the last successful read is younger than `maxStalenessMs`. */
  isFresh(): boolean;
  /** Milliseconds since the last successful read; null before the first. */
  ageMs(): number | null;
  /** The last good snapshot however old; `undefined` before the first. */
  snapshot(): RegistrySnapshot | undefined;
}

export interface RegistryViewOptions {
  readonly cell: SharedArrayBuffer;
  readonly maxStalenessMs: number;
  readonly clock: Clock;
}

/**
 * A read that seems to come from the future means a clock that was set back; beyond this the age is worthless
 * and the snapshot is stale until the next read.
 */
export const maxClockStepMs = 60_000;

export function openRegistryView({ cell, maxStalenessMs, clock }: RegistryViewOptions): RegistryView {
  const reader = openCellReader(cell, decodeRegistrySnapshot);
  return {
    lookup: (words) => reader.read()?.index.lookup(words) ?? 0,
    isFresh() {
      const readAtMs = reader.readAtMs();
      if (readAtMs === 0 || reader.read() === undefined) return false;
      const ageMs = clock.nowMs() - readAtMs;
      return ageMs <= maxStalenessMs && ageMs >= -maxClockStepMs;
    },
    ageMs() {
      const readAtMs = reader.readAtMs();
      return readAtMs === 0 ? null : clock.nowMs() - readAtMs;
    },
    snapshot: () => reader.read(),
  };
}

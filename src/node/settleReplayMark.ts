/**
 * From which second on this process serves requests: what the file says, what the lock says, and what a change between
 * the node's own memory and a shared store asks for. Runs in main.
 */
import { createReplayMarkWriter } from '../auth/replayMark.js';
import { type StoreStart, startWithStore } from '../auth/storeChange.js';
import type { Config } from '../config/config.js';
import type { HomePaths } from '../lib/homePaths.js';
import type { Logger } from '../logger/logger.js';
import type { FrontVitals } from '../shm/frontVitals.js';

export interface ReplayMarkOptions {
  readonly config: Config;
  readonly paths: Pick<HomePaths, 'replayMarkFile' | 'sharedStoreFile'>;
  /** What `readReplayMark` found in the file. */
  readonly recordedMarkS: number;
  /** An earlier process with this home had ended then, so it served nothing that is dated later. */
  readonly lockedAtS: number;
  readonly vitals: FrontVitals;
  readonly log: Logger;
}

export interface SettledReplayMark extends StoreStart {
  /** Puts a later second on disk. */
  readonly record: (second: number) => Promise<void>;
}

export async function settleReplayMark(options: ReplayMarkOptions): Promise<SettledReplayMark> {
  const { config, paths, recordedMarkS, lockedAtS, vitals, log } = options;
  vitals.storedMarkS = recordedMarkS;
  if (recordedMarkS > lockedAtS + config.auth.maxSkew / 1_000) {
    const remedy = 'correct the clock; if it was wrong when the mark was written, delete the file';
    log.error(
      { file: paths.replayMarkFile, markS: recordedMarkS, remedy },
      'the replay mark refuses every request',
    );
  }
  const record = createReplayMarkWriter(paths.replayMarkFile, vitals);
  const start = await startWithStore({
    file: paths.sharedStoreFile,
    isShared: config.nonceCache.store === 'redis',
    markS: Math.max(lockedAtS, recordedMarkS),
    lockedAtS,
    maxSkewS: Math.ceil(config.auth.maxSkew / 1_000),
    record,
  });
  return { ...start, record };
}

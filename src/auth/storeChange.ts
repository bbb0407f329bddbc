/**
 * A node that changes from its own memory to a store that several nodes share, or back. Neither knows what was
 * served with the other, so a file keeps the second from which on the shared store knows of this node's requests.
 * Runs in main.
 */
import { rm } from 'node:fs/promises';
import { writeFileAtomic } from '../lib/atomicFile.js';
import { readReplayMark } from './replayMark.js';

export interface StoreChangeOptions {
  /** Exists while the node uses a shared store. */
  readonly file: string;
  readonly isShared: boolean;
  /** The replay mark as it would be with memory only. */
  readonly markS: number;
  /** When this process took its home folder. */
  readonly lockedAtS: number;
  readonly maxSkewS: number;
  /** Puts a second on disk as the replay mark. */
  readonly record: (second: number) => Promise<void>;
}

export interface StoreStart {
  /** The replay mark of this process: requests dated at or before it are refused. */
  readonly replayMarkS: number;
  /** Whether this node used a shared store never before, or not since it last used its own memory. */
  readonly isFirstUse: boolean;
}

export async function startWithStore(options: StoreChangeOptions): Promise<StoreStart> {
  const { file, isShared, markS, lockedAtS, maxSkewS, record } = options;
  const sharedSinceS = readReplayMark(file);
  if (isShared) {
    if (sharedSinceS > 0) return { replayMarkS: sharedSinceS, isFirstUse: false };
    await writeFileAtomic(file, `${markS}\n`, { mode: 0o600 });
    return { replayMarkS: markS, isFirstUse: true };
  }
  if (sharedSinceS === 0) return { replayMarkS: markS, isFirstUse: false };
  // With the shared store, requests dated ahead of the clock were served without being recorded here.
  const latestS = Math.max(markS, lockedAtS + maxSkewS);
  await record(latestS);
  await rm(file, { force: true });
  return { replayMarkS: latestS, isFirstUse: false };
}

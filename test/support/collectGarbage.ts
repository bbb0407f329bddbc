/**
 * Collects a thread's garbage and tells what was left, so that a test can tell a leak from garbage that nobody has
 * collected yet. Runs in any thread of a node under test.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes that a thread holds after a collection. */
export interface HeldBytes {
  readonly heap: number;
  /** Buffers and whatever else is held for JavaScript outside of its heap. */
  readonly external: number;
}

/** What is freed by one collection may free more in its callbacks. */
const rounds = 4;

export const collectedFile = (thread: string): string => `collected-${thread}`;

/** Collects, then leaves the figures as a file that is complete when it appears. */
export async function collectGarbage(folder: string, thread: string): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < rounds; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  const held: HeldBytes = { heap: heapUsed, external };
  const file = join(folder, collectedFile(thread));
  writeFileSync(`${file}.part`, JSON.stringify(held));
  renameSync(`${file}.part`, file);
}

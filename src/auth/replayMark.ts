/**
 * The replay mark: requests dated at or before it may have been served by an earlier process, whose replay
 * table is gone. It is the second in which this process took its home folder, or the latest second that an
 * earlier one recorded because it served a request dated ahead of the clock. Runs in main (file) and on the
 * fronts (asking for it to be recorded).
 */
import { readFileSync } from 'node:fs';
import { NodeError } from '../errors/nodeError.js';
import { writeFileAtomic } from '../lib/atomicFile.js';
import type { FrontVitals } from '../shm/frontVitals.js';

/** The recorded second; 0 when no file is there. A damaged file refuses the start: guessing could open a replay. */
export function readReplayMark(file: string): number {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw new NodeError('config_invalid', { message: `${file}: cannot be read`, cause });
  }
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new NodeError('config_invalid', {
    message: `${file}: expected a Unix time in seconds. If it is damaged, wait two minutes and delete it.`,
  });
}

/** Records later seconds, one write at a time; calls made meanwhile share the next write. Runs in main. */
export function createReplayMarkWriter(file: string, vitals: FrontVitals): (second: number) => Promise<void> {
  let wantedS = vitals.storedMarkS;
  let writing: Promise<void> | undefined;

  const writeOnce = async (): Promise<void> => {
    const second = wantedS;
    await writeFileAtomic(file, `${second}\n`, { mode: 0o600 });
    vitals.storedMarkS = second;
  };

  return async (second) => {
    wantedS = Math.max(wantedS, second);
    while (vitals.storedMarkS < second) {
      writing ??= writeOnce().finally(() => {
        writing = undefined;
      });
      await writing;
    }
  };
}

/**
 * Entry of a front that fails on command: the real one, and a timer that obeys what the test writes into the
 * file `front-<index>` of the folder `FXN_TEST_COMMANDS`. Runs in a front thread.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { type FrontData, startFront } from '#src/front.js';

export type FrontCommand =
  | 'throw'
  | 'reject'
  /** Never returns to the event loop. */
  | 'spin'
  /** Allocates until V8 gives up. */
  | 'exhaust';

const data = workerData as FrontData;
const file = join(process.env['FXN_TEST_COMMANDS']!, `front-${data.index}`);

function obey(command: FrontCommand): void {
  switch (command) {
    case 'throw':
      throw new Error('a front was told to throw');
    case 'reject':
      void Promise.reject(new Error('a front was told to reject'));
      return;
    case 'spin':
      for (;;);
    case 'exhaust': {
      const hoard: unknown[] = [];
      for (;;) hoard.push(new Array(100_000).fill({ index: hoard.length }));
    }
  }
}

setInterval(() => {
  if (!existsSync(file)) return;
  const command = readFileSync(file, 'utf8') as FrontCommand;
  rmSync(file);
  obey(command);
}, 20).unref();

await startFront(data, parentPort!);

/**
 * Loaded into every thread of a node with `--import`; in the registry thread it throws once the file `registry`
 * appears in the folder `FXN_TEST_COMMANDS`.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';

const isRegistry = !isMainThread && workerData != null && 'gatewayPollIntervalMs' in workerData;

if (isRegistry) {
  const file = join(process.env['FXN_TEST_COMMANDS']!, 'registry');
  setInterval(() => {
    if (!existsSync(file)) return;
    rmSync(file);
    throw new Error('the registry thread was told to throw');
  }, 20).unref();
}

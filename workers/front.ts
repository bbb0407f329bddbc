/** Entry of a front thread: started by main with `FrontData`, answers `FrontMethods`. */
import { parentPort, workerData } from 'node:worker_threads';
import { NodeError } from '#src/errors/nodeError.js';
import type { FrontData } from '#src/front/frontThread.js';
import { startFront } from '#src/front.js';
import { receiveThreadData } from '#src/threads/warmThread.js';

if (parentPort === null) {
  throw new NodeError('internal_error', { meta: { reason: 'workers/front is a worker thread' } });
}
await startFront(await receiveThreadData<FrontData>(workerData, parentPort), parentPort);

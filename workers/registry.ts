/** Entry of the registry thread: started by main with `RegistryThreadData`, answers `RegistryThreadMethods`. */
import { parentPort, workerData } from 'node:worker_threads';
import { NodeError } from '#src/errors/nodeError.js';
import { type RegistryThreadData, startRegistryThread } from '#src/registry/registryThread.js';
import { receiveThreadData } from '#src/threads/warmThread.js';

if (parentPort === null) {
  throw new NodeError('internal_error', { meta: { reason: 'workers/registry is a worker thread' } });
}
startRegistryThread(await receiveThreadData<RegistryThreadData>(workerData, parentPort), parentPort);

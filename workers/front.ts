/** Entry of a front thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FrontData, startFront } from '#src/front.js';

if (parentPort === null) throw new Error('workers/front.js is started as a thread by the node');
await startFront(workerData as FrontData, parentPort);

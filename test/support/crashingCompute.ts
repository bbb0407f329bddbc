/** Loaded into every thread of a node with `--import`; no compute thread gets any further. */
import { isMainThread, workerData } from 'node:worker_threads';

const ownThreads = ['gatewayPollIntervalMs', 'replayMarkS'];
// A thread that is started warm has null, and its data come later.
const isOwn = workerData === null || ownThreads.some((name) => name in Object(workerData));

if (!isMainThread && !isOwn) throw new Error('no compute thread starts here');

/**
 * A thread that is started before there is anything to tell it, so that it loads its modules while main still
 * reads the configuration. Runs in main and at the entry of such a thread.
 */
import { once } from 'node:events';
import { type MessagePort, Worker } from 'node:worker_threads';

/** Does not keep the process alive until it is adopted by a supervisor, which sends it its data. */
export function warmThread(entry: URL, name: string): Worker {
  const worker = new Worker(entry, { workerData: null, name });
  worker.unref();
  return worker;
}

/** What the thread was given at its start, or, when it was started warm, by its first message. */
export async function receiveThreadData<Data>(workerData: unknown, port: MessagePort): Promise<Data> {
  if (workerData !== null) return workerData as Data;
  const [data] = (await once(port, 'message')) as [Data];
  return data;
}

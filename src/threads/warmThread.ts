/**
 * A thread that is started before there is anything to tell it, so that it loads its modules while main still
 * reads the configuration. Runs in main and at the entry of such a thread.
 */
import { once } from 'node:events';
import { type MessagePort, Worker } from 'node:worker_threads';

export interface WarmThread {
  /** Hands the thread over; `undefined` when it has ended already. */
  adopt(): Worker | undefined;
}

/** Does not keep the process alive until it is adopted by a supervisor, which sends it its data. */
export function warmThread(entry: URL, name: string): WarmThread {
  const worker = new Worker(entry, { workerData: null, name });
  worker.unref();
  let hasEnded = false;
  const onEnd = (): void => {
    hasEnded = true;
  };
  // What fails while it loads fails again in the thread that is started in its place, and is reported there.
  worker.on('error', onEnd);
  worker.on('exit', onEnd);
  return {
    adopt() {
      worker.off('error', onEnd);
      worker.off('exit', onEnd);
      worker.ref();
      return hasEnded ? undefined : worker;
    },
  };
}

/** What the thread was given at its start, or, when it was started warm, by its first message. */
export async function receiveThreadData<Data>(workerData: unknown, port: MessagePort): Promise<Data> {
  if (workerData !== null) return workerData as Data;
  const [data] = (await once(port, 'message')) as [Data];
  return data;
}

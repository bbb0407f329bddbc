/** A thread that does what its `workerData` says; for the tests of supervision. Loaded by URL. */
import { parentPort, workerData } from 'node:worker_threads';
import { connectThread } from '#src/threads/threadCalls.js';
import { receiveThreadData } from '#src/threads/warmThread.js';

export interface FailingThreadData {
  readonly behaviour: 'throw' | 'exit' | 'live';
  readonly start: number;
}

export type FailingThreadMethods = {
  whichStart(argument: undefined): number;
  fail(argument: undefined): void;
  close(argument: undefined): void;
};

if (parentPort !== null) run(await receiveThreadData<FailingThreadData>(workerData, parentPort), parentPort);

function run({ behaviour, start }: FailingThreadData, port: NonNullable<typeof parentPort>): void {
  switch (behaviour) {
    case 'throw':
      throw new Error(`start ${start} failed`);
    case 'exit':
      process.exit(9);
      break;
    case 'live':
      connectThread<Record<never, never>, FailingThreadMethods>(port, {
        whichStart: () => start,
        fail: () => {
          setImmediate(() => {
            throw new Error(`start ${start} failed`);
          });
        },
        close: () => {
          setImmediate(() => port.close());
        },
      });
  }
}

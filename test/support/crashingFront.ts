/**
 * Entry of a front that fails on command: the real one, and an ear for what `crashingMain.ts` passes on. A front
 * that is told nothing is as idle as a real one. Runs in a front thread.
 */
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import type { FrontData } from '#src/front/frontThread.js';
import { startFront } from '#src/front.js';
import { collectGarbage } from './collectGarbage.js';
import { type FrontCommand, type FrontOrder, orderChannel } from './frontOrders.js';

function obey(command: FrontCommand, index: number): void {
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
    case 'collect':
      void collectGarbage(process.env['FXN_TEST_COMMANDS']!, `front-${index}`);
  }
}

const data = workerData as FrontData;
const orders = new BroadcastChannel(orderChannel);
orders.unref();
orders.onmessage = (event) => {
  const { front, command } = (event as { data: FrontOrder }).data;
  // Outside the channel's callback, which has its own way with what is thrown.
  if (front === data.index) setImmediate(obey, command, front);
};
await startFront(data, parentPort!);

/**
 * The registry thread's work as a process of its own, so that a test can read what it logs: reads once, prints its
 * metrics, ends. Takes `RegistryThreadData` without the cells as JSON. Started by registryThread.test.ts.
 */
import { MessageChannel } from 'node:worker_threads';
import { renderMetrics } from '#src/metrics/threadMetrics.js';
import { createRegistryCell } from '#src/registry/registrySnapshot.js';
import {
  type RegistryThreadData,
  type RegistryThreadMethods,
  startRegistryThread,
} from '#src/registry/registryThread.js';
import { connectThread } from '#src/threads/threadCalls.js';

const settings = JSON.parse(process.argv[2] ?? '') as Omit<
  RegistryThreadData,
  'gatewayCell' | 'providerCell'
>;
const { port1, port2 } = new MessageChannel();
startRegistryThread(
  { ...settings, gatewayCell: createRegistryCell(64), providerCell: createRegistryCell(64) },
  port1,
);
const thread = connectThread<RegistryThreadMethods, Record<never, never>>(port2, {});
await thread.call('refresh', undefined, 20_000);
process.stdout.write(await renderMetrics([await thread.call('collectMetrics', undefined)]));
await thread.call('close', undefined);

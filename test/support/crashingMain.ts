/**
 * The node with fronts that fail on command: `start` as operators run it, but for the entry of its fronts. Main
 * looks for orders in the folder `FXN_TEST_COMMANDS`: the fronts themselves must have nothing to do when main
 * ends the process.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BroadcastChannel } from 'node:worker_threads';
import { loadConfig } from '#src/config/loadConfig.js';
import { createNodeKey, generatePrivateKey } from '#src/keys/nodeKey.js';
import { createLogger } from '#src/logger/logger.js';
import { startNode } from '#src/node.js';
import { endProcess } from '#src/threads/endProcess.js';
import { collectGarbage } from './collectGarbage.js';
import { orderChannel, readOrder } from './frontOrders.js';

const lookMs = 20;

const { values } = parseArgs({ options: { home: { type: 'string' } } });
const source = { home: values.home!, env: process.env };
const node = await startNode({
  loaded: loadConfig(source),
  source,
  key: Promise.resolve(createNodeKey(generatePrivateKey())),
  log: createLogger({ level: 'info', thread: 'main' }),
  abort: endProcess,
  onDrainAsked: () => end(),
  frontEntry: new URL(import.meta.resolve('#test/support/crashingFront.js')),
});

const folder = process.env['FXN_TEST_COMMANDS']!;
const orders = new BroadcastChannel(orderChannel);
const looking = setInterval(() => {
  for (const file of readdirSync(folder)) {
    const order = readOrder(file);
    if (order === undefined) continue;
    rmSync(join(folder, file));
    orders.postMessage(order);
    if (order.command === 'collect' && order.front === 0) void collectGarbage(folder, 'main');
  }
}, lookMs);

process.on('SIGHUP', () => void node.reload());
const end = (): void => {
  clearInterval(looking);
  orders.close();
  void node.close().then(() => process.exit(0));
};
process.on('SIGTERM', end);

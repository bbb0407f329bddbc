/** The node with fronts that fail on command: `start` as operators run it, but for the entry of its fronts. */
import { parseArgs } from 'node:util';
import { loadConfig } from '#src/config/loadConfig.js';
import { createNodeKey, generatePrivateKey } from '#src/keys/nodeKey.js';
import { createLogger } from '#src/logger/logger.js';
import { startNode } from '#src/node.js';
import { endProcess } from '#src/threads/endProcess.js';

const { values } = parseArgs({ options: { home: { type: 'string' } } });
const source = { home: values.home!, env: process.env };
const node = await startNode({
  loaded: loadConfig(source),
  source,
  key: Promise.resolve(createNodeKey(generatePrivateKey())),
  log: createLogger({ level: 'info', thread: 'main' }),
  abort: endProcess,
  frontEntry: new URL(import.meta.resolve('#test/support/crashingFront.js')),
});
process.on('SIGTERM', () => void node.close().then(() => process.exit(0)));

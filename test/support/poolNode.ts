/** An entry like `main.js`, without the native signature library: every signature goes to the compute pool. */
import { parseArgs } from 'node:util';
import { loadConfig } from '#src/config/loadConfig.js';
import { createNodeKey, generatePrivateKey } from '#src/keys/nodeKey.js';
import { resolveHome } from '#src/lib/homePaths.js';
import { createLogger } from '#src/logger/logger.js';
import { startNode } from '#src/node.js';

const { values } = parseArgs({ options: { home: { type: 'string' } } });
const source = { home: resolveHome(values.home, process.env), env: process.env };
const loaded = loadConfig(source);
const node = await startNode({
  loaded,
  source,
  key: Promise.resolve(createNodeKey(generatePrivateKey())),
  log: createLogger({ level: loaded.config.logger.verbosity, thread: 'main' }),
  abort: (code) => process.exit(code),
  onDrainAsked: () => end(),
  recovery: 'pool',
});
const end = (): void => void node.close().then(() => process.exit(0));
process.on('SIGTERM', end);

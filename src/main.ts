/**
 * `node dist/main.js`: checks that this Node.js can run the node before anything that depends on it is loaded,
 * then starts it.
 */
import { parseArgs } from 'node:util';
import { runtimeProblem } from './lib/supportedRuntime.js';

const problem = runtimeProblem({
  version: process.versions.node,
  abi: process.versions.modules,
  platform: process.platform,
  arch: process.arch,
});
if (problem === undefined) {
  const { values } = parseArgs({
    options: { home: { type: 'string' }, config: { type: 'string' }, 'model-backend': { type: 'string' } },
  });
  const { start } = await import('./cli/start.js');
  await start(
    { home: values.home, config: values.config, modelBackend: values['model-backend'] },
    process.env,
  );
} else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}

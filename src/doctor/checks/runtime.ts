/** Node.js and the HTTP server's binary for it. */
import { arch, platform } from 'node:os';
import { loadServerLibrary } from '../../http/serverLibrary.js';
import type { Check } from '../check.js';
import type { MachineContext } from '../context.js';
import { failure, ok } from '../finding.js';

export const checkRuntime: Check<MachineContext> = {
  group: 'Machine',
  title: 'runtime',
  deadlineMs: 10_000,
  async run() {
    const node = `Node.js ${process.versions.node} on ${platform()} ${arch()}`;
    try {
      const { version } = await loadServerLibrary();
      return [ok('runtime', 'Runtime', `${node}, uWebSockets.js ${version}`)];
    } catch (thrown) {
      return [
        failure({
          id: 'server_library_unusable',
          title: 'Runtime',
          detail: `${node}: uWebSockets.js cannot be loaded (${thrown instanceof Error ? thrown.message : thrown})`,
          remedy:
            'run "npm ci" again with the Node.js that runs the node; musl systems (Alpine) are not supported',
        }),
      ];
    }
  },
};

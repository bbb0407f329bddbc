/** Both ports: free, or held by this home's own node, and not by somebody else. */
import { NodeError } from '../../errors/nodeError.js';
import { reservePort } from '../../http/reservePort.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, skipped } from '../finding.js';
import { portHolder } from '../portHolder.js';

export const checkPorts: Check<NodeContext> = {
  group: 'Network',
  title: 'ports',
  deadlineMs: 10_000,
  async run(context) {
    const { node, admin } = context.config;
    return Promise.all([
      portFinding(context, { title: 'Public port', section: 'node', ...node }),
      portFinding(context, { title: 'Admin port', section: 'admin', ...admin }),
    ]);
  },
};

interface ConfiguredPort {
  readonly title: string;
  readonly section: 'node' | 'admin';
  readonly listenAddress: string;
  readonly listenPort: number;
}

async function portFinding(
  { runningPid }: NodeContext,
  { title, section, listenAddress, listenPort }: ConfiguredPort,
): Promise<Finding> {
  if (listenPort === 0) return skipped('port', title, 'any free one, another at every start');
  const where = `${listenAddress}:${listenPort}`;
  try {
    await reservePort(listenAddress, listenPort);
    return ok(
      'port',
      title,
      `${where} is free${runningPid === undefined ? '' : '; the running node has another'}`,
    );
  } catch (thrown) {
    if (!(thrown instanceof NodeError)) throw thrown;
    const remedy = `stop the other program, or set another ${section}.listenAddress or ${section}.listenPort in config.yaml`;
    if (thrown.code !== 'port_in_use') {
      return failure({ id: 'port_taken', title, detail: thrown.message, remedy });
    }
    const holder = portHolder(listenPort);
    const isOurs = runningPid !== undefined && (holder === undefined || holder.pid === runningPid);
    if (isOurs) return ok('port', title, `${where}, the running node (process ${runningPid})`);
    const who = holder === undefined ? 'another program' : `${holder.name} (process ${holder.pid})`;
    return failure({ id: 'port_taken', title, detail: `${where} is held by ${who}`, remedy });
  }
}

/** Who may send requests: the gateways that are registered and not paused. */
import { chainFailureKind } from '../../contracts/chainFailure.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { ok, skipped, warning } from '../finding.js';
import { warnOfNoRpc } from './rpc.js';

const title = 'Gateways';

export const checkGateways: Check<NodeContext> = {
  group: 'Chain',
  title: 'gateways',
  deadlineMs: 40_000,
  async run(context) {
    const silence = warnOfNoRpc(await context.rpcs(), context.config.chainId);
    if (silence !== undefined) return [skipped('gateways', title, silence)];
    const read = await context.registry('gateway').catch((thrown: unknown) => {
      if (chainFailureKind(thrown) === undefined) throw thrown;
      return undefined;
    });
    if (read === undefined) return [skipped('gateways', title, 'the gateway registry does not answer')];
    const active = read.entries.filter(({ paused }) => !paused).length;
    if (active > 0) return [ok('gateways', title, `${active} may send requests`)];
    const detail = 'none is registered and active: only the scheduler may send requests';
    const remedy = 'wait for the network, or correct registry.routerSmartContractAddress in config.yaml';
    return [warning({ id: 'gateways_none', title, detail, remedy })];
  },
};

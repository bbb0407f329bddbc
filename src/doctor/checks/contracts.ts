/** The Router and the registries that it names: code is there, and answers as this node reads it. */
import { chainFailureKind } from '../../contracts/chainFailure.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, skipped } from '../finding.js';
import { warnOfNoRpc } from './rpc.js';

export const checkContracts: Check<NodeContext> = {
  group: 'Chain',
  title: 'contracts',
  deadlineMs: 40_000,
  async run(context) {
    const { chainId, registry } = context.config;
    const title = `Contracts at Router ${registry.routerSmartContractAddress}`;
    const silence = warnOfNoRpc(await context.rpcs(), chainId);
    if (silence !== undefined) return [skipped('contracts', title, silence)];
    return Promise.all((['gateway', 'provider'] as const).map((kind) => registryFinding(context, kind)));
  },
};

async function registryFinding(context: NodeContext, kind: 'gateway' | 'provider'): Promise<Finding> {
  const title = `${kind === 'gateway' ? 'Gateway' : 'Provider'} registry`;
  try {
    const { registry, entries } = await context.registry(kind);
    return ok(
      'contracts',
      title,
      `${registry}, ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`,
    );
  } catch (thrown) {
    if (chainFailureKind(thrown) === undefined) throw thrown;
    return failure({
      id: 'contracts_unanswered',
      title,
      detail: (thrown as Error).message,
      remedy: 'correct registry.routerSmartContractAddress, chainId or rpcProvider in config.yaml',
    });
  }
}

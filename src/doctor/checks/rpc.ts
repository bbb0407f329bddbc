/** Each RPC endpoint: reachable, of the right chain, and following it. */
import type { RpcProbe } from '../../contracts/probeRpc.js';
import type { Check } from '../check.js';
import { clockError } from '../clockError.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, warning } from '../finding.js';

/** No chain that registries live on makes blocks more slowly. */
const staleAfterS = 120;

export const checkRpc: Check<NodeContext> = {
  group: 'Chain',
  title: 'RPC endpoints',
  deadlineMs: 15_000,
  async run(context) {
    const probes = await context.rpcs();
    const { chainId } = context.config;
    const behindMs = clockError(probes)?.behindMs ?? 0;
    const findings = probes.map((probe) => findingOf(probe, chainId, behindMs));
    if (!findings.some(({ severity }) => severity === 'ok')) return findings;
    // The node goes on with those that work; one of another chain is a mistake in any case.
    return findings.map((finding) =>
      finding.severity === 'failure' && finding.id !== 'rpc_wrong_chain'
        ? { ...finding, severity: 'warning' }
        : finding,
    );
  },
};

function findingOf(probe: RpcProbe, chainId: number, behindMs: number): Finding {
  const title = `RPC ${probe.label}`;
  if (probe.kind === 'failed') {
    const remedy = 'correct or replace it under rpcProvider in config.yaml; several may stand there';
    return failure({ id: 'rpc_unreachable', title, detail: probe.reason, remedy });
  }
  if (probe.chainId !== chainId) {
    return failure({
      id: 'rpc_wrong_chain',
      title,
      detail: `serves chain ${probe.chainId}, but the node is configured for chain ${chainId}`,
      remedy: 'correct rpcProvider or chainId in config.yaml',
    });
  }
  const ageS = Math.round((probe.seenAtMs + behindMs) / 1_000 - probe.blockTimestampS);
  const block = `block ${probe.blockNumber}`;
  if (ageS > staleAfterS) {
    return failure({
      id: 'rpc_stale',
      title,
      detail: `its newest ${block} is ${ageS} s old: it does not follow the chain any more`,
      remedy: 'put another endpoint in front of it under rpcProvider in config.yaml',
    });
  }
  return ok(
    'rpc',
    title,
    `chain ${chainId}, ${block}, ${Math.max(0, ageS)} s old, ${Math.round(probe.latencyMs)} ms`,
  );
}

export const warnOfNoRpc = (probes: readonly RpcProbe[], chainId: number): string | undefined =>
  probes.some((probe) => probe.kind === 'answered' && probe.chainId === chainId)
    ? undefined
    : 'no RPC endpoint of this chain answers';

export const noOwner = (title: string): Finding =>
  warning({
    id: 'key_missing',
    title,
    detail: 'whose registration is meant is not known',
    remedy: 'mend the key, or set registry.owner in config.yaml',
  });

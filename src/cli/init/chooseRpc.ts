/** Which RPC endpoints the node will read the chain through. Runs in the command line. */
import type { ProbedUrl } from './lookAround.js';

export interface ChosenRpcs {
  /** At least one, unless there was none to choose from. */
  readonly urls: readonly string[];
  readonly warnings: readonly string[];
  /** Endpoints of another chain, which no node could use. */
  readonly faults: readonly string[];
}

/** A block older than this comes from an endpoint that has stopped following its chain. */
export const staleAfterS = 120;

/** The operator's own endpoints: all of them, whether they answer now or not. */
export function checkGivenRpcs(rpcs: readonly ProbedUrl[], chainId: number): ChosenRpcs {
  const warnings: string[] = [];
  const faults: string[] = [];
  for (const { probe } of rpcs) {
    if (probe.kind === 'failed') {
      warnings.push(`${probe.label}: ${probe.reason} It is taken all the same.`);
    } else if (probe.chainId !== chainId) {
      faults.push(
        `${probe.label} serves chain ${probe.chainId}, not ${chainId}: give another --rpc, or --chain-id ${probe.chainId} with the --scheduler and --router of that chain.`,
      );
    } else if (ageS(probe) > staleAfterS) {
      warnings.push(`${probe.label}: its newest block is ${ageS(probe)} s old. It is taken all the same.`);
    }
  }
  return { urls: rpcs.map(({ url }) => url), warnings, faults };
}

/** Of well-known endpoints those that can be used now, in their order; else the first, which may recover. */
export function chooseKnownRpcs(rpcs: readonly ProbedUrl[], chainId: number): ChosenRpcs {
  const usable = rpcs.filter(
    ({ probe }) =>
      probe.kind === 'answered' && probe.chainId === chainId && Math.abs(ageS(probe)) <= staleAfterS,
  );
  const [first] = rpcs;
  if (usable.length > 0 || first === undefined) {
    return { urls: usable.map(({ url }) => url), warnings: [], faults: [] };
  }
  const warning = `No known RPC endpoint of chain ${chainId} can be used from here now; ${first.url} is taken all the same. Give one of your own with --rpc.`;
  return { urls: [first.url], warnings: [warning], faults: [] };
}

export const ageS = ({
  seenAtMs,
  blockTimestampS,
}: {
  readonly seenAtMs: number;
  readonly blockTimestampS: number;
}): number => Math.round(seenAtMs / 1_000 - blockTimestampS);

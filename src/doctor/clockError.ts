/**
 * How far this machine's clock is off, by what others say: the clocks of the servers behind the RPC endpoints, and the
 * newest block, which cannot be from the future. Runs in the command line.
 */
import type { RpcProbe } from '../contracts/probeRpc.js';

export interface ClockError {
  /** By how much the clock is behind; negative when it is ahead. */
  readonly behindMs: number;
  readonly evidence: 'dates' | 'blocks';
}

/** Dates are whole seconds, and an answer takes its time. */
const exactToMs = 2_000;

/** `undefined` where nothing tells; 0 where it is right as far as can be told. */
export function clockError(probes: readonly RpcProbe[]): ClockError | undefined {
  const ahead = probes.flatMap(({ serverAheadMs }) => (serverAheadMs === undefined ? [] : [serverAheadMs]));
  if (ahead.length > 0) {
    const behindMs = median(ahead);
    return { behindMs: Math.abs(behindMs) <= exactToMs ? 0 : behindMs, evidence: 'dates' };
  }
  // An old block says nothing, because the endpoint may be stuck.
  const future = probes.flatMap((probe) =>
    probe.kind === 'answered' ? [probe.blockTimestampS * 1_000 - probe.seenAtMs] : [],
  );
  if (future.length === 0) return undefined;
  const behindMs = median(future);
  return { behindMs: behindMs <= exactToMs ? 0 : behindMs, evidence: 'blocks' };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] as number;
}

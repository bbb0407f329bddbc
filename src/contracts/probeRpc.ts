/**
 * One look at an RPC endpoint: its chain, its newest block, and what its server's clock says. For commands that judge
 * an endpoint before a node uses it. Runs in the command line.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { getBlock, readQuantity } from './block.js';
import { type ChainFailureKind, chainFailure, chainFailureKind } from './chainFailure.js';
import { endpointLabel, openJsonRpc } from './jsonRpc.js';

export interface RpcProbeOptions {
  readonly url: string;
  /** For all questions together. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

interface ProbedEndpoint {
  /** Scheme, host and port. */
  readonly label: string;
  /** From the question to the answer. */
  readonly latencyMs: number;
  /** How far its server's clock is ahead of ours; `undefined` where it sends no date. Exact to a second. */
  readonly serverAheadMs: number | undefined;
}

export type RpcProbe = ProbedEndpoint &
  (
    | {
        readonly kind: 'answered';
        readonly chainId: number;
        readonly blockNumber: number;
        /** Unix seconds. */
        readonly blockTimestampS: number;
        /** When the block was told, on our clock; Unix milliseconds. */
        readonly seenAtMs: number;
      }
    | { readonly kind: 'failed'; readonly failure: ChainFailureKind; readonly reason: string }
  );

/** A chain id and the head of a block. */
const maxResponseBytes = 1_024 * 1_024;

/** Never rejects but with a defect. */
export async function probeRpc({ url, deadlineMs, signal }: RpcProbeOptions): Promise<RpcProbe> {
  const label = endpointLabel(url);
  const beganAtMs = Date.now();
  let headAtMs = beganAtMs;
  let serverAheadMs: number | undefined;
  const onHeaders = ({ date }: IncomingHttpHeaders): void => {
    headAtMs = Date.now();
    serverAheadMs = clockAhead(date, beganAtMs, headAtMs);
  };
  const deadline = { timeoutMs: deadlineMs, maxResponseBytes, signal };
  try {
    const [answered, block] = await Promise.all([
      openJsonRpc({ url, ...deadline, onHeaders }).request('eth_chainId', []),
      getBlock(openJsonRpc({ url, ...deadline }), 'latest'),
    ]);
    const seenAtMs = Date.now();
    const chainId = readQuantity(answered);
    if (chainId === undefined) throw chainFailure('bad_response', 'The RPC endpoint names no chain id.');
    const { number: blockNumber, timestampS: blockTimestampS } = block;
    const told = { chainId, blockNumber, blockTimestampS, seenAtMs };
    return { kind: 'answered', label, latencyMs: headAtMs - beganAtMs, serverAheadMs, ...told };
  } catch (thrown) {
    const failure = chainFailureKind(thrown);
    if (failure === undefined) throw thrown;
    const reason = (thrown as Error).message;
    return { kind: 'failed', label, latencyMs: Date.now() - beganAtMs, serverAheadMs, failure, reason };
  }
}

/** The date of an answer is cut to whole seconds and was written at some moment between question and answer. */
function clockAhead(date: string | undefined, askedAtMs: number, answeredAtMs: number): number | undefined {
  const serverMs = Date.parse(date ?? '');
  return Number.isNaN(serverMs) ? undefined : serverMs + 500 - (askedAtMs + answeredAtMs) / 2;
}

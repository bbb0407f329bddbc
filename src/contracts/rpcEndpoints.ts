/**
 * The configured RPC endpoints in order of health. Before each read all of them are asked for their newest block
 * and chain id, in parallel and with a deadline; those near the best head keep the operator's order, laggards
 * follow, then those whose head the others contradict; failed ones and those of another chain are left out. Height
 * decides, because an endpoint that stopped following the chain still answers fast and politely.
 * Runs in the registry thread and the command line.
 */
import { NodeError } from '../errors/nodeError.js';
import { type Clock, systemClock } from '../lib/clock.js';
import { type Block, getBlock, readQuantity } from './block.js';
import { type ChainFailureKind, chainFailure, chainFailureKind } from './chainFailure.js';
import { believedTimestampS, doubtedHeads, type HeadClaim } from './headEvidence.js';
import { type JsonRpcClient, openJsonRpc } from './jsonRpc.js';

export interface RpcEndpointsOptions {
  /** In the operator's order of preference. */
  readonly urls: readonly string[];
  readonly chainId: number;
  /** For one call; 15 s unless told, which a list of 10,000 entries over a slow line needs. */
  readonly callTimeoutMs?: number;
  /** For the question about the newest block; 4 s unless told. */
  readonly headTimeoutMs?: number;
  /** 64 MiB unless told: 10,000 entries with 1 kB of metadata each are 30 MB of hex. */
  readonly maxResponseBytes?: number;
  /** How many blocks behind the best head still count as level with it; 3 unless told. */
  readonly headTolerance?: number;
  /** Bounds the timestamps of blocks; the system's unless told. */
  readonly clock?: Clock;
}

export interface EndpointHealth {
  readonly index: number;
  /** Scheme, host and port. */
  readonly label: string;
  readonly state: 'unknown' | 'ok' | 'lagging' | 'failed' | 'wrong_chain';
  readonly blockNumber: number | undefined;
  readonly failure: ChainFailureKind | undefined;
  /** Why it is not used, for the operator. */
  readonly reason: string | undefined;
}

export interface RankedEndpoint {
  readonly index: number;
  readonly rpc: JsonRpcClient;
  readonly head: Block;
  /** What is believed of the head: its timestamp is bounded. */
  readonly claim: HeadClaim;
  /** Other endpoints contradict its head; see headEvidence.ts. */
  readonly isDoubted: boolean;
}

type ProbedEndpoint = Omit<RankedEndpoint, 'claim' | 'isDoubted'>;

export interface RpcEndpoints {
  readonly chainId: number;
  /** The usable endpoints, best first; throws a chain failure that lists every endpoint when there is none. */
  rank(): Promise<readonly RankedEndpoint[]>;
  /** What the last `rank` and the reads since have found, by index. */
  health(): readonly EndpointHealth[];
  /** A read at this endpoint failed after it was ranked. */
  reportFailure(index: number, error: unknown): void;
  /** Calls off whatever is under way, for good. */
  close(): void;
}

export function createRpcEndpoints(options: RpcEndpointsOptions): RpcEndpoints {
  const { chainId, callTimeoutMs = 15_000, headTimeoutMs = 4_000, headTolerance = 3 } = options;
  const { clock = systemClock } = options;
  const maxResponseBytes = options.maxResponseBytes ?? 64 * 1024 * 1024;
  const closing = new AbortController();
  const { signal } = closing;
  const clients = options.urls.map((url) =>
    openJsonRpc({ url, timeoutMs: callTimeoutMs, maxResponseBytes, signal }),
  );
  const health: EndpointHealth[] = clients.map(({ label }, index) => ({
    index,
    label,
    state: 'unknown',
    blockNumber: undefined,
    failure: undefined,
    reason: undefined,
  }));
  let ranking: Promise<readonly RankedEndpoint[]> | undefined;

  const reportFailure = (index: number, error: unknown): void => {
    const { label, blockNumber } = health[index] as EndpointHealth;
    const failure = chainFailureKind(error);
    const state = failure === 'wrong_chain' ? failure : 'failed';
    const reason = error instanceof NodeError ? error.message : 'The endpoint failed unexpectedly.';
    health[index] = { index, label, state, blockNumber, failure, reason };
  };

  const probe = async (rpc: JsonRpcClient, index: number): Promise<ProbedEndpoint | undefined> => {
    try {
      const [head, answered] = await Promise.all([
        getBlock(rpc, 'latest', headTimeoutMs),
        rpc.request('eth_chainId', [], headTimeoutMs),
      ]);
      const id = readQuantity(answered);
      if (id === undefined) throw chainFailure('bad_response', 'The RPC endpoint names no chain id.');
      if (id !== chainId) {
        throw chainFailure(
          'wrong_chain',
          `The RPC endpoint serves chain ${id}, but this node is configured for chain ${chainId}: ` +
            'correct rpcProvider or chainId.',
          { chainId, answered: id },
        );
      }
      return { index, rpc, head };
    } catch (thrown) {
      reportFailure(index, thrown);
      return undefined;
    }
  };

  const rankNow = async (): Promise<readonly RankedEndpoint[]> => {
    const probed = await Promise.all(clients.map((rpc, index) => probe(rpc, index)));
    const alive = probed.filter((endpoint) => endpoint !== undefined);
    if (alive.length === 0) throw noneUsable(health);
    const nowMs = clock.nowMs();
    const claims = alive.map(({ head: { number, timestampS } }) => ({
      number,
      timestampS: believedTimestampS(timestampS, nowMs),
    }));
    const doubts = doubtedHeads(claims);
    const doubted: RankedEndpoint[] = [];
    const trusted: RankedEndpoint[] = [];
    for (const [position, endpoint] of alive.entries()) {
      const isDoubted = doubts[position] as boolean;
      const claim = claims[position] as HeadClaim;
      (isDoubted ? doubted : trusted).push({ ...endpoint, claim, isDoubted });
      if (isDoubted) reportFailure(endpoint.index, implausibleHead(endpoint.head.number));
    }
    const best = Math.max(...trusted.map(({ head }) => head.number));
    const isLevel = ({ head }: RankedEndpoint): boolean => head.number >= best - headTolerance;
    for (const endpoint of trusted) {
      const level = isLevel(endpoint);
      health[endpoint.index] = {
        index: endpoint.index,
        label: endpoint.rpc.label,
        state: level ? 'ok' : 'lagging',
        blockNumber: endpoint.head.number,
        failure: undefined,
        reason: level
          ? undefined
          : `Its newest block is ${best - endpoint.head.number} blocks behind the best.`,
      };
    }
    const laggards = trusted.filter((endpoint) => !isLevel(endpoint));
    laggards.sort((a, b) => b.head.number - a.head.number);
    return [...trusted.filter(isLevel), ...laggards, ...doubted];
  };

  return {
    chainId,
    // Registries that poll at the same moment share one round of questions.
    rank() {
      ranking ??= rankNow().finally(() => {
        ranking = undefined;
      });
      return ranking;
    },
    health: () => [...health],
    reportFailure,
    close: () => closing.abort(),
  };
}

/** Why an endpoint is not used whose head neither the other endpoints nor the last good read bear out. */
export const implausibleHead = (blockNumber: number): NodeError =>
  chainFailure(
    'implausible_head',
    `Its newest block ${blockNumber} does not fit the newest blocks of the other RPC endpoints.`,
    { head: blockNumber },
  );

/** One error out of what every endpoint said; its kind is the first endpoint's. */
function noneUsable(health: readonly EndpointHealth[]): NodeError {
  const endpoints = health.map(({ index, label, failure, reason }) => ({ index, label, failure, reason }));
  const first = endpoints[0];
  return chainFailure(
    first?.failure ?? 'unreachable',
    endpoints.length === 1 ? (first?.reason ?? 'The RPC endpoint failed.') : 'No RPC endpoint is usable.',
    { endpoints },
  );
}

/**
 * The chain as a command uses it that reads, sends and waits: the endpoints that serve the configured chain, asked in
 * order of health until one answers. Nothing is asked of an endpoint that did not name the right chain id first. Runs
 * in the command line.
 */
import { NodeError } from '../errors/nodeError.js';
import { type Block, getBlock, readQuantity } from './block.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';
import type { JsonRpcClient } from './jsonRpc.js';
import { createRpcEndpoints, type RpcEndpoints } from './rpcEndpoints.js';

export interface ChainOptions {
  readonly urls: readonly string[];
  readonly chainId: number;
  /** For one call; 15 s unless told. */
  readonly callTimeoutMs?: number;
  /** Calls off whatever is under way. */
  readonly signal: AbortSignal;
}

/** A configured endpoint that is of no use, and why. */
export interface EndpointReason {
  /** Scheme, host and port. */
  readonly label: string;
  readonly reason: string;
}

export interface EndpointAnswer {
  readonly label: string;
  /** In order of health. */
  readonly index: number;
  readonly result: PromiseSettledResult<unknown>;
}

export interface Chain {
  readonly chainId: number;
  /** Configured endpoints that were dead or served another chain at the start; nothing is asked of them. */
  readonly unusable: readonly EndpointReason[];
  /** The first usable answer; throws a chain failure. A revert is an answer: no other endpoint is asked. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** What every usable endpoint makes of a request, in order of health. */
  requestAll(method: string, params: readonly unknown[]): Promise<readonly EndpointAnswer[]>;
  /**
   * Work that sees one block, the newest of the first endpoint that manages.
   * @param notBefore the least number of that block
   */
  atHead<T>(work: (rpc: JsonRpcClient, block: Block) => Promise<T>, notBefore?: number): Promise<T>;
  /** The same chain through those endpoints alone that have reached a block; throws a chain failure when none has. */
  reaching(block: number): Promise<Chain>;
  close(): void;
}

/** Lists and receipts of single transactions are small. */
const maxResponseBytes = 16 * 1024 * 1024;

/** Throws a chain failure that says of every endpoint why it is of no use. */
export async function openChain(options: ChainOptions): Promise<Chain> {
  const { urls, chainId, signal, callTimeoutMs = 15_000 } = options;
  const endpoints = createRpcEndpoints({ urls, chainId, callTimeoutMs, maxResponseBytes });
  const close = (): void => {
    signal.removeEventListener('abort', close);
    endpoints.close();
  };
  if (signal.aborted) close();
  else signal.addEventListener('abort', close);
  try {
    const ranked = await endpoints.rank();
    const usable = new Set(ranked.map(({ index }) => index));
    const unusable = endpoints
      .health()
      .filter(({ index }) => !usable.has(index))
      .map(({ label, reason = 'not asked' }) => ({ label, reason }));
    return chainThrough(
      ranked.map(({ rpc }) => rpc),
      { chainId, unusable, close },
    );
  } catch (thrown) {
    close();
    throw withReasons(thrown, endpoints);
  }
}

function chainThrough(
  clients: readonly JsonRpcClient[],
  place: Pick<Chain, 'chainId' | 'unusable' | 'close'>,
): Chain {
  /** Goes through the endpoints until `ask` succeeds at one. */
  const first = async <T>(ask: (rpc: JsonRpcClient) => Promise<T>): Promise<T> => {
    let failure: unknown;
    for (const rpc of clients) {
      try {
        return await ask(rpc);
      } catch (thrown) {
        const kind = chainFailureKind(thrown);
        if (kind === undefined || kind === 'reverted' || kind === 'aborted') throw thrown;
        failure ??= thrown;
      }
    }
    throw failure;
  };

  const requestAll = async (
    method: string,
    params: readonly unknown[],
  ): Promise<readonly EndpointAnswer[]> => {
    const results = await Promise.allSettled(clients.map((rpc) => rpc.request(method, params)));
    return results.map((result, index) => ({ label: clients[index]!.label, index, result }));
  };

  return {
    ...place,
    request: (method, params) => first((rpc) => rpc.request(method, params)),
    requestAll,
    atHead: (work, notBefore = 0) =>
      first(async (rpc) => {
        const block = await getBlock(rpc, 'latest');
        if (block.number < notBefore) throw behind(notBefore, block.number);
        return work(rpc, block);
      }),
    async reaching(block) {
      const answers = await requestAll('eth_blockNumber', []);
      const heads = answers.map(({ result }) =>
        result.status === 'fulfilled' ? (readQuantity(result.value) ?? 0) : 0,
      );
      const there = clients.filter((_, at) => heads[at]! >= block);
      if (there.length === 0) throw behind(block, Math.max(...heads));
      return chainThrough(there, place);
    },
  };
}

const behind = (block: number, head: number): NodeError =>
  chainFailure('old_head', `The RPC endpoint has not reached block ${block} yet.`, { head, seen: block });

function withReasons(thrown: unknown, endpoints: RpcEndpoints): unknown {
  if (!(thrown instanceof NodeError)) return thrown;
  const lines = endpoints.health().map(({ label, reason }) => `  ${label}: ${reason ?? 'not asked'}`);
  return new NodeError(thrown.code, {
    message: `No RPC endpoint of rpcProvider is usable, so nothing was done:\n${lines.join('\n')}`,
    meta: thrown.meta,
    cause: thrown,
  });
}

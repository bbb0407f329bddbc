/**
 * The chain as a command uses it that reads, sends and waits: the endpoints that serve the configured chain, asked in
 * order of health until one answers. Nothing is asked of an endpoint that did not name the right chain id first. Runs
 * in the command line.
 */
import { NodeError } from '../errors/nodeError.js';
import { type Block, getBlock } from './block.js';
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

export interface Chain {
  readonly chainId: number;
  /** The first usable answer; throws a chain failure. A revert is an answer: no other endpoint is asked. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** What every endpoint makes of a request, in order of health. */
  requestAll(method: string, params: readonly unknown[]): Promise<readonly PromiseSettledResult<unknown>[]>;
  /**
   * Work that sees one block, the newest of the first endpoint that manages.
   * @param notBefore the least number of that block
   */
  atHead<T>(work: (rpc: JsonRpcClient, block: Block) => Promise<T>, notBefore?: number): Promise<T>;
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
  let clients: readonly JsonRpcClient[];
  try {
    clients = (await endpoints.rank()).map(({ rpc }) => rpc);
  } catch (thrown) {
    close();
    throw withReasons(thrown, endpoints);
  }

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

  return {
    chainId,
    request: (method, params) => first((rpc) => rpc.request(method, params)),
    requestAll: (method, params) => Promise.allSettled(clients.map((rpc) => rpc.request(method, params))),
    atHead: (work, notBefore = 0) =>
      first(async (rpc) => {
        const block = await getBlock(rpc, 'latest');
        if (block.number < notBefore) {
          throw chainFailure('old_head', `The RPC endpoint has not reached block ${notBefore} yet.`, {
            head: block.number,
            seen: notBefore,
          });
        }
        return work(rpc, block);
      }),
    close,
  };
}

function withReasons(thrown: unknown, endpoints: RpcEndpoints): unknown {
  if (!(thrown instanceof NodeError)) return thrown;
  const lines = endpoints.health().map(({ label, reason }) => `  ${label}: ${reason ?? 'not asked'}`);
  return new NodeError(thrown.code, {
    message: `No RPC endpoint of rpcProvider is usable, so nothing was done:\n${lines.join('\n')}`,
    meta: thrown.meta,
    cause: thrown,
  });
}

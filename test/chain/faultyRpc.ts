/**
 * A JSON-RPC endpoint that misbehaves on command: a real HTTP server in front of a real Anvil. Runs in tests.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What it does with requests; a fault lasts until the next `misbehave`. */
export type RpcFault =
  | 'none'
  /** Takes requests and never answers. */
  | 'hang'
  /** Answers the question for the newest block, and hangs on calls. */
  | 'hang_on_calls'
  | 'rate_limit'
  /** A rate limit as JSON-RPC error under HTTP 200. */
  | 'rate_limit_in_body'
  | 'server_error'
  | 'garbage'
  /** JSON that is no JSON-RPC. */
  | 'wrong_shape'
  /** A body that never stops growing. */
  | 'endless'
  /** Valid JSON-RPC whose results mean nothing. */
  | 'nonsense_results'
  | 'wrong_chain'
  | 'drop_connection'
  /** Says that the newest block is `lagBlocks` older than it is, and answers as of then. */
  | 'lag'
  /** As `lag`, on every second question for the newest block. */
  | 'alternate'
  /** Lags, but answers calls from the newest block whatever block they ask for. */
  | 'ignore_block'
  /** Passes everything on, and never has a receipt. */
  | 'no_receipts'
  /** Takes transactions and keeps them to itself. */
  | 'swallow'
  /** As `swallow`, and has a receipt in the newest block for each of them. */
  | 'false_receipts'
  /** Does not know the method that simulates several calls. */
  | 'no_simulations'
  /** Answers methods that are not part of the standard with an HTTP error. */
  | 'standard_only'
  /** Takes transactions and has receipts, but answers everything else as of `lagBlocks` ago, and simulates nothing. */
  | 'behind';

export interface FaultyRpc {
  readonly url: string;
  /** Requests seen so far, by method. */
  readonly seen: ReadonlyMap<string, number>;
  misbehave(fault: RpcFault, lagBlocks?: number): void;
  /** Puts one text in place of another in the answers to all calls; both empty to end that. */
  replaceInCalls(from: string, to: string): void;
  /** Connections open now. */
  connections(): Promise<number>;
  /** Does something to the chain just before the next request of that method is passed on. */
  interrupt(method: string, action: () => Promise<void>): void;
  /** Puts one text in place of another in the answers to batched calls alone; both empty to end that. */
  replaceInBatches(from: string, to: string): void;
  close(): Promise<void>;
}

/** The first bytes of a call of `aggregate3`. */
const batchSelector = '0x82ad56cb';
const nonStandard = ['eth_simulateV1', 'eth_maxPriorityFeePerGas'];
/** Where the block stands among the parameters. */
const blockParameter: Readonly<Record<string, number>> = {
  eth_call: 1,
  eth_estimateGas: 1,
  eth_getBalance: 1,
  eth_getTransactionCount: 1,
  eth_getBlockByNumber: 0,
};

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  params: unknown[];
}

export async function startFaultyRpc(targetUrl: string, port = 0): Promise<FaultyRpc> {
  let fault: RpcFault = 'none';
  let lag = 0;
  let headQuestions = 0;
  let replacement = { from: '', to: '', inBatchesOnly: false };
  const seen = new Map<string, number>();

  let interruption: { method: string; action: () => Promise<void> } | undefined;

  const ask = async (request: RpcRequest): Promise<string> => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...request });
    const headers = { 'content-type': 'application/json' };
    return await (await fetch(targetUrl, { method: 'POST', headers, body })).text();
  };

  const laggedHead = async (): Promise<string> => {
    const { result } = JSON.parse(await ask({ id: 0, method: 'eth_blockNumber', params: [] })) as {
      result: string;
    };
    return `0x${(Number(result) - lag).toString(16)}`;
  };

  /** Mined at once, with success, in a block that is really there. */
  const falseReceipt = async (hash: unknown): Promise<unknown> => {
    const request = { id: 0, method: 'eth_getBlockByNumber', params: ['latest', false] };
    const { result } = JSON.parse(await ask(request)) as { result: { hash: string; number: string } };
    const { hash: blockHash, number: blockNumber } = result;
    return { transactionHash: hash, blockHash, blockNumber, status: '0x1', gasUsed: '0x5208', logs: [] };
  };

  const forward = async (request: RpcRequest, response: ServerResponse): Promise<void> => {
    if (request.method === 'eth_getBlockByNumber' && request.params[0] === 'latest') {
      headQuestions++;
      if (fault === 'lag' || fault === 'ignore_block' || (fault === 'alternate' && headQuestions % 2 === 0)) {
        request.params = [await laggedHead(), false];
      }
    }
    if (request.method === 'eth_call' && fault === 'ignore_block')
      request.params = [request.params[0], 'latest'];
    const answer = await ask(request);
    const isBatch = JSON.stringify(request.params[0] ?? '').includes(batchSelector);
    const isReplaced =
      request.method === 'eth_call' && replacement.from !== '' && (isBatch || !replacement.inBatchesOnly);
    const text = isReplaced ? answer.replaceAll(replacement.from, replacement.to) : answer;
    if (fault === 'wrong_chain' && request.method === 'eth_chainId') reply(response, request.id, '0x1');
    else response.writeHead(200, { 'content-type': 'application/json' }).end(text);
  };

  const answerBehind = async (request: RpcRequest, response: ServerResponse): Promise<void> => {
    if (request.method === 'eth_simulateV1') {
      response.writeHead(404).end();
      return;
    }
    if (request.method === 'eth_blockNumber') return reply(response, request.id, await laggedHead());
    const at = blockParameter[request.method];
    const block = at === undefined ? 'none' : (request.params[at] ?? 'latest');
    if (at !== undefined && (block === 'latest' || block === 'pending'))
      request.params[at] = await laggedHead();
    await forward(request, response);
  };

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request = JSON.parse(Buffer.concat(chunks).toString()) as RpcRequest;
    seen.set(request.method, (seen.get(request.method) ?? 0) + 1);
    if (interruption?.method === request.method) {
      const { action } = interruption;
      interruption = undefined;
      await action();
    }
    switch (fault) {
      case 'hang':
        return;
      case 'hang_on_calls':
        if (request.method === 'eth_call') return;
        return await forward(request, response);
      case 'rate_limit':
        response.writeHead(429, { 'retry-after': '1' }).end('slow down');
        return;
      case 'rate_limit_in_body':
        response.writeHead(200).end(
          JSON.stringify({
            jsonrpc: '2.0',
            id: request.id,
            error: { code: -32005, message: 'limit exceeded' },
          }),
        );
        return;
      case 'server_error':
        response.writeHead(500).end('<html>');
        return;
      case 'garbage':
        response.writeHead(200).end('{"jsonrpc":"2.0","id":1,"resu');
        return;
      case 'wrong_shape':
        response.writeHead(200).end('[1,2,3]');
        return;
      case 'nonsense_results':
        reply(response, request.id, request.method === 'eth_chainId' ? '0x14a34' : { number: 'seven' });
        return;
      case 'drop_connection':
        message.socket.destroy();
        return;
      case 'endless':
        endless(response);
        return;
      case 'no_receipts':
        if (request.method !== 'eth_getTransactionReceipt') return await forward(request, response);
        reply(response, request.id, null);
        return;
      case 'swallow':
      case 'false_receipts':
        if (request.method === 'eth_sendRawTransaction') reply(response, request.id, `0x${'0'.repeat(64)}`);
        else if (request.method === 'eth_getTransactionReceipt' && fault === 'false_receipts')
          reply(response, request.id, await falseReceipt(request.params[0]));
        else await forward(request, response);
        return;
      case 'no_simulations':
        if (request.method !== 'eth_simulateV1') return await forward(request, response);
        response.writeHead(200).end(
          JSON.stringify({
            jsonrpc: '2.0',
            id: request.id,
            error: { code: -32601, message: 'no such method' },
          }),
        );
        return;
      case 'standard_only':
        if (!nonStandard.includes(request.method)) return await forward(request, response);
        response.writeHead(404).end('<html>');
        return;
      case 'behind':
        return await answerBehind(request, response);
      case 'none':
      case 'lag':
      case 'alternate':
      case 'wrong_chain':
      case 'ignore_block':
        return await forward(request, response);
    }
  };

  const server = createServer((message, response) => {
    answer(message, response).catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    misbehave(next, lagBlocks = 0) {
      fault = next;
      lag = lagBlocks;
    },
    replaceInCalls(from, to) {
      replacement = { from, to, inBatchesOnly: false };
    },
    replaceInBatches(from, to) {
      replacement = { from, to, inBatchesOnly: true };
    },
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    interrupt(method, action) {
      interruption = { method, action };
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function reply(response: ServerResponse, id: number, result: unknown): void {
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
}

/** Writes while the other side reads; stops when it hangs up. */
function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const chunk = Buffer.alloc(64 * 1024, '0');
  const pump = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', pump);
  pump();
}

/**
 * A JSON-RPC endpoint that makes up the number or the time of its newest block, and answers every call about the
 * made-up block from the real newest one, so that nothing but the claim is wrong. Runs in tests.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Lie {
  /** Added to the number of the newest block. */
  readonly blocks: number;
  /** Added to its timestamp. */
  readonly seconds?: number;
}

export interface LyingRpc {
  readonly url: string;
  /** Tells the truth again without one. */
  lie(lie?: Lie): void;
  close(): Promise<void>;
}

interface RpcRequest {
  readonly method: string;
  params: unknown[];
}

export async function startLyingRpc(targetUrl: string): Promise<LyingRpc> {
  let lie: Lie | undefined;

  const answer = async (message: IncomingMessage): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request = JSON.parse(Buffer.concat(chunks).toString()) as RpcRequest;
    const { method } = request;
    if (lie !== undefined && method === 'eth_call') request.params = [request.params[0], 'latest'];
    if (lie !== undefined && method === 'eth_getBlockByNumber') request.params = ['latest', false];
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(targetUrl, { method: 'POST', headers, body: JSON.stringify(request) });
    const reply = (await response.json()) as { result: Record<string, string> };
    if (lie !== undefined && method === 'eth_getBlockByNumber') {
      const { number, timestamp } = reply.result;
      reply.result['number'] = `0x${(Number(number) + lie.blocks).toString(16)}`;
      reply.result['timestamp'] = `0x${(Number(timestamp) + (lie.seconds ?? 0)).toString(16)}`;
    }
    return JSON.stringify(reply);
  };

  const server = createServer((message, response) => {
    answer(message).then(
      (text) => response.end(text),
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lie(next) {
      lie = next;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

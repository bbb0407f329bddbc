/**
 * A JSON-RPC endpoint in another time: a real HTTP server in front of a real Anvil that moves the times of blocks and
 * the date of its own answers. Runs in tests.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface SkewedRpcOptions {
  readonly target: string;
  /** Added to the times of blocks. */
  readonly blocksS?: number;
  /** Added to the `Date` of answers; `null` sends none. */
  readonly dateS?: number | null;
}

/** The URL. */
export async function startSkewedRpc(t: TestContext, options: SkewedRpcOptions): Promise<string> {
  const { target, blocksS = 0, dateS = 0 } = options;
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(target, { method: 'POST', headers, body: Buffer.concat(pieces) });
    const reply = (await answer.json()) as { result?: { timestamp?: string } | string };
    if (typeof reply.result === 'object' && reply.result?.timestamp !== undefined) {
      reply.result.timestamp = `0x${(Number(reply.result.timestamp) + blocksS).toString(16)}`;
    }
    if (dateS === null) response.sendDate = false;
    else response.setHeader('date', new Date(Date.now() + dateS * 1_000).toUTCString());
    response.writeHead(200, headers).end(JSON.stringify(reply));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

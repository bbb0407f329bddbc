/** Servers on every loopback address of one port, and a record of everything that the process connects to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface LoopbackServers {
  readonly port: number;
  /** By address: how many connections were accepted. */
  readonly connections: Map<string, number>;
  readonly received: IncomingMessage[];
  total(): number;
}

export const loopbackAddresses = ['127.0.0.1', '127.0.0.2', '::1'] as const;

export async function startLoopbackServers(
  t: TestContext,
  listener: RequestListener,
): Promise<LoopbackServers> {
  const connections = new Map<string, number>(loopbackAddresses.map((address) => [address, 0]));
  const received: IncomingMessage[] = [];
  const servers: Server[] = [];
  t.after(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });
  let port = 0;
  for (const address of loopbackAddresses) {
    const server = createServer((request, response) => {
      received.push(request);
      listener(request, response);
    });
    server.on('connection', () => connections.set(address, connections.get(address)! + 1));
    server.listen({ port, host: address, ipv6Only: true });
    await once(server, 'listening');
    servers.push(server);
    ({ port } = server.address() as AddressInfo);
  }
  return {
    port,
    connections,
    received,
    total: () => [...connections.values()].reduce((sum, count) => sum + count, 0),
  };
}

/**
 * Where sockets of this process try to connect to, from now until the test is over. A connection that would leave the
 * machine is not begun: the test fails, and nobody outside hears of it.
 */
export function watchConnects(t: TestContext): { readonly attempts: string[] } {
  const attempts: string[] = [];
  const { connect } = Socket.prototype;
  function watchedConnect(this: Socket, ...args: unknown[]): Socket {
    this.prependListener('connectionAttempt', (address: string, port: number) => {
      attempts.push(`${address} ${port}`);
      if (!/^(?:127\.|::1$)/.test(address)) throw new Error(`the test would have connected to ${address}`);
    });
    return Reflect.apply(connect, this, args) as Socket;
  }
  Socket.prototype.connect = watchedConnect as typeof connect;
  t.after(() => {
    Socket.prototype.connect = connect;
  });
  return { attempts };
}

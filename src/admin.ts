/**
 * The admin port: `/metrics`, `/health` and `/ready`, for the operator's own network. Runs in main on plain
 * `node:http`, apart from the public server, so that it answers however loaded the fronts are.
 */
import { createServer, type ServerResponse } from 'node:http';
import { NodeError } from './errors/nodeError.js';
import type { Logger } from './logger/logger.js';

export interface Readiness {
  readonly ready: boolean;
  /** What keeps the node from serving, in words for the operator. */
  readonly missing: readonly string[];
}

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly renderMetrics: () => Promise<string>;
  readonly readiness: () => Promise<Readiness>;
  readonly log: Logger;
}

export interface Admin {
  readonly port: number;
  close(): Promise<void>;
}

const requestTimeoutMs = 10_000;
const maxConnections = 256;

/** @throws NodeError `port_in_use` */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { host, port, log } = options;

  const answer = async (method: string, path: string, response: ServerResponse): Promise<void> => {
    if (method !== 'GET' && method !== 'HEAD') {
      send(response, 405, 'application/json', '{"error":{"code":"method_not_allowed"}}');
      return;
    }
    switch (path) {
      case '/metrics':
        send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await options.renderMetrics());
        return;
      case '/health':
        send(response, 200, 'application/json', '{"status":"ok"}');
        return;
      case '/ready': {
        const readiness = await options.readiness();
        send(response, readiness.ready ? 200 : 503, 'application/json', JSON.stringify(readiness));
        return;
      }
      default:
        send(response, 404, 'application/json', '{"error":{"code":"route_not_found"}}');
    }
  };

  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    answer(request.method ?? 'GET', path, response).catch((err: unknown) => {
      log.error({ err, path }, 'admin request failed');
      send(response, 500, 'application/json', '{"error":{"code":"internal_error"}}');
    });
  });
  server.requestTimeout = requestTimeoutMs;
  server.maxConnections = maxConnections;

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `cannot listen on ${host}:${port} (admin.listenAddress, admin.listenPort): ${cause.code}`;
      reject(new NodeError('port_in_use', { message, cause }));
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const address = server.address();

  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

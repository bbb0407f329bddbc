/**
 * The admin port: `/metrics`, `/health`, `/ready` and the operator's console, for the operator's own network. Runs in
 * main on plain `node:http`, apart from the public server, so that it answers however loaded the fronts are.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ConsoleServer } from './console/consoleServer.js';
import type { ErrorCodeName } from './errors/codes.js';
import { NodeError } from './errors/nodeError.js';
import { errorBody } from './http/errorBody.js';
import { listenError } from './http/reservePort.js';
import type { Logger } from './logger/logger.js';
import type { Readiness } from './node/readiness.js';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly renderMetrics: () => Promise<string>;
  readonly readiness: () => Promise<Readiness>;
  /** Called when the console is asked for the first time; `undefined` = there is none. */
  readonly openConsole: (() => Promise<ConsoleServer>) | undefined;
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
  const { host, port, openConsole, log } = options;
  let opened: Promise<ConsoleServer> | undefined;

  const consoleServer = (open: () => Promise<ConsoleServer>): Promise<ConsoleServer> => {
    opened ??= open().catch((thrown: unknown) => {
      // The next request tries again.
      opened = undefined;
      throw thrown;
    });
    return opened;
  };

  const answer = async (path: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (openConsole !== undefined && isConsolePath(path)) {
      await (await consoleServer(openConsole)).answer(request, response);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      sendError(response, 'method_not_allowed');
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
        const { ready, missing, details } = await options.readiness();
        send(response, ready ? 200 : 503, 'application/json', JSON.stringify({ ready, missing, ...details }));
        return;
      }
      default:
        sendError(response, 'route_not_found');
    }
  };

  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    answer(path, request, response).catch((err: unknown) => {
      log.error({ err, path }, 'admin request failed');
      sendError(response, 'internal_error');
    });
  });
  server.requestTimeout = requestTimeoutMs;
  server.maxConnections = maxConnections;

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(listenError({ host, port, keys: 'admin.listenAddress, admin.listenPort' }, cause));
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

function isConsolePath(path: string): boolean {
  return path === '/' || path === '/status' || path.startsWith('/status/') || path.startsWith('/console/');
}

function sendError(response: ServerResponse, code: ErrorCodeName): void {
  const error = new NodeError(code);
  send(response, error.status, 'application/json', errorBody(error, 'plain'));
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

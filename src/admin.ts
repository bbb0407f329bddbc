/**
 * The admin port: `/metrics`, `/health` and `/ready`, for the operator's own network. Runs in main on plain
 * `node:http`, apart from the public server, so that it answers however loaded the fronts are.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { ErrorCodeName } from './errors/codes.js';
import { NodeError } from './errors/nodeError.js';
import { errorBody } from './http/errorBody.js';
import { listenError } from './http/reservePort.js';
import type { Logger } from './logger/logger.js';
import type { StoreStatus } from './redis/watchStore.js';
import type { RegistryThreadStatus } from './registry/registryThread.js';

export interface Readiness {
  readonly ready: boolean;
  /** What keeps the node from serving, in words for the operator. */
  readonly missing: readonly string[];
  /** State of each part, for people and the console; added to the answer as it is. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface ReadinessFacts {
  /** `undefined` while the registry thread does not answer. */
  readonly registries: RegistryThreadStatus | undefined;
  /** null is what is not known: `up` before the first check, the rest where the backend does not tell. */
  readonly backends: readonly {
    readonly backend: string;
    readonly up: boolean | null;
    readonly kind: string | null;
    readonly modelListed: boolean | null;
  }[];
  /** `undefined` where none is configured. */
  readonly store: StoreStatus | undefined;
  /** Engines and telemetry; none of it keeps the node from serving. */
  readonly challenges: object;
  readonly servingFronts: number;
  readonly isDraining: boolean;
}

/** The node is ready when every registry is fresh, a backend answers and a front serves. */
export function readinessOf(facts: ReadinessFacts): Readiness {
  const { registries, backends, store, challenges, servingFronts, isDraining } = facts;
  const missing = [
    ...(registries === undefined ? ['registry thread: does not answer'] : staleRegistries(registries)),
    ...(backends.some(({ up }) => up) ? [] : ['backends: none answers']),
    ...(store?.problem === undefined ? [] : [`store: ${store.problem}`]),
    ...(servingFronts === 0 ? ['fronts: none serves'] : []),
    ...(isDraining ? ['the node is shutting down'] : []),
  ];
  return {
    ready: missing.length === 0,
    missing,
    details: { backends, ...(store && { store }), ...registries, challenges },
  };
}

function staleRegistries(status: RegistryThreadStatus): string[] {
  return (['gateway', 'provider'] as const)
    .filter((name) => !status[name].isFresh)
    .map((name) => {
      const { lastError, ageMs } = status[name];
      const age = ageMs === null ? 'not read yet' : `last read ${Math.round(ageMs / 1_000)} s ago`;
      return `${name} registry: ${lastError?.message ?? age}`;
    });
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
    answer(request.method ?? 'GET', path, response).catch((err: unknown) => {
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

function sendError(response: ServerResponse, code: ErrorCodeName): void {
  const error = new NodeError(code);
  send(response, error.status, 'application/json', errorBody(error, 'plain'));
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

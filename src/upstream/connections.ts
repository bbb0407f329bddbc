/**
 * Connections to one backend, one request on each at a time. Idle ones are kept for reuse, the most recently
 * used first, up to a bound; a connection whose request was aborted is destroyed. Runs on the fronts.
 */
import { isIP } from 'node:net';
import { type BackendAddress, BackendConnection } from './backendConnection.js';

export interface ConnectionOptions {
  readonly origin: string;
  readonly maxIdle: number;
  /** Idle connections are dropped after this long; must be below the backend's own keep-alive. 0 is no limit. */
  readonly idleMs: number;
}

export interface Connections {
  /** The head lines that every request to this backend begins with, behind the request line. */
  readonly headLines: string;
  /** A connection for one request, idle or new; give it back with `release` or `discard`. */
  acquire(): BackendConnection;
  /** A connection that carried no request yet. */
  acquireFresh(): BackendConnection;
  /** The request ended in good order. */
  release(connection: BackendConnection): void;
  /** The request was aborted or failed: the state of the connection is unknown. */
  discard(connection: BackendConnection): void;
  close(): void;
}

const longestIdleMs = 24 * 60 * 60 * 1_000;
/** A request must not go out when the backend is about to close: it says seconds, and the way takes its time. */
const hintMarginMs = 2_000;
const defaultPorts = { 'http:': 80, 'https:': 443 } as const;

export function createConnections(options: ConnectionOptions): Connections {
  const { origin, maxIdle } = options;
  const idleMs = options.idleMs === 0 ? longestIdleMs : options.idleMs;
  const address = addressOf(new URL(origin));
  const idle: BackendConnection[] = [];
  let isClosed = false;
  /** One timer for all idle connections, for the one that expires first. */
  let sweep: NodeJS.Timeout | undefined;
  let sweepAtMs = Number.POSITIVE_INFINITY;

  // A closed idle connection leaves the list, so that `idle` counts sockets.
  const forget = (connection: BackendConnection): void => {
    const at = idle.indexOf(connection);
    if (at !== -1) idle.splice(at, 1);
    if (idle.length === 0) disarm();
  };
  const open = (): BackendConnection => new BackendConnection(address, forget);

  const disarm = (): void => {
    clearTimeout(sweep);
    sweep = undefined;
    sweepAtMs = Number.POSITIVE_INFINITY;
  };
  const arm = (atMs: number, nowMs: number): void => {
    clearTimeout(sweep);
    sweepAtMs = atMs;
    sweep = setTimeout(dropExpired, Math.max(1, Math.ceil(atMs - nowMs)));
    // Connections that nobody uses are no reason to stay alive.
    sweep.unref();
  };
  const dropExpired = (): void => {
    const nowMs = performance.now();
    let next = Number.POSITIVE_INFINITY;
    let kept = 0;
    for (const connection of idle) {
      if (connection.expiresAtMs <= nowMs) {
        connection.destroy();
        continue;
      }
      idle[kept++] = connection;
      next = Math.min(next, connection.expiresAtMs);
    }
    idle.length = kept;
    if (kept > 0) arm(next, nowMs);
    else disarm();
  };

  return {
    headLines: `host: ${new URL(origin).host}\r\nconnection: keep-alive\r\n`,
    acquire() {
      let connection = idle.pop();
      if (connection === undefined) return open();
      const nowMs = performance.now();
      // A busy thread comes late to its timers.
      while (connection !== undefined && connection.expiresAtMs <= nowMs) {
        connection.destroy();
        connection = idle.pop();
      }
      return connection ?? open();
    },
    acquireFresh: open,
    release(connection) {
      connection.leave();
      const keptMs = Math.min(idleMs, (connection.keptForMs ?? Number.POSITIVE_INFINITY) - hintMarginMs);
      if (isClosed || idle.length >= maxIdle || keptMs <= 0 || !connection.isReusable) {
        connection.destroy();
        return;
      }
      const nowMs = performance.now();
      connection.expiresAtMs = nowMs + keptMs;
      idle.push(connection);
      if (connection.expiresAtMs < sweepAtMs) arm(connection.expiresAtMs, nowMs);
    },
    discard: (connection) => connection.destroy(),
    close() {
      isClosed = true;
      for (const connection of idle.splice(0)) connection.destroy();
      disarm();
    },
  };
}

function addressOf({ protocol, hostname, port }: URL): BackendAddress {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return {
    isTls: protocol === 'https:',
    host,
    port: port === '' ? defaultPorts[protocol as keyof typeof defaultPorts] : Number(port),
    servername: isIP(host) === 0 ? host : undefined,
    tls: { context: undefined, session: undefined },
  };
}

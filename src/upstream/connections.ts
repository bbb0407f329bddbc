/**
 * Connections to one backend, one request on each at a time. Idle ones are kept for reuse, the most recently
 * used first, up to a bound; a connection whose request was aborted is destroyed. Not undici's `Pool`: that
 * opens a fresh idle connection for every aborted request. Runs on the fronts.
 */
import type { Socket } from 'node:net';
import { buildConnector, Client } from 'undici';

export interface ConnectionOptions {
  readonly origin: string;
  readonly maxIdle: number;
  /** Idle connections are dropped after this long; must be below the backend's own keep-alive. */
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
}

/** A connection, or one that its first request will make. */
export interface Connection {
  readonly client: Client;
  /** `undefined` until it is connected. */
  socket: Socket | undefined;
  /** The request that holds its response back. */
  paused: PausedRequest | undefined;
}

export interface PausedRequest {
  /** Lets the parser go on: the backend has closed, nothing more can come than this end. */
  letEnd(): void;
}

export interface Connections {
  /** A connection for one request, idle or new; give it back with `release` or `discard`. */
  acquire(): Connection;
  /** A connection that carried no request yet. */
  acquireFresh(): Connection;
  /** The request ended in good order. */
  release(connection: Connection): void;
  /** The request was aborted or failed: the state of the connection is unknown. */
  discard(connection: Connection): void;
  close(): void;
}

const longestIdleMs = 24 * 60 * 60 * 1_000;

export function createConnections(options: ConnectionOptions): Connections {
  const { origin, maxIdle, connectTimeoutMs } = options;
  // As the Go node reads it: 0 is no limit. undici knows no such value.
  const idleMs = options.idleMs === 0 ? longestIdleMs : options.idleMs;
  const idle: Connection[] = [];
  // One for all connections, because it remembers TLS sessions.
  const connect = buildConnector({ timeout: connectTimeoutMs });
  let isClosed = false;

  const open = (): Connection => {
    const client = new Client(origin, {
      pipelining: 1,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      // Every wait has our own timer; undici's would cut long generations off.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (target, done) =>
        connect(target, (...result) => {
          connection.socket = result[1] ?? undefined;
          if (connection.socket !== undefined) guardPause(connection, connection.socket);
          done(...result);
        }),
    });
    const connection: Connection = { client, socket: undefined, paused: undefined };
    // A closed idle connection leaves the list, so that `idle` counts sockets.
    client.on('disconnect', () => {
      const at = idle.indexOf(connection);
      if (at !== -1) idle.splice(at, 1);
    });
    return connection;
  };

  const destroy = ({ client }: Connection): void => {
    client.destroy(null).catch(() => undefined);
  };

  return {
    acquire: () => idle.pop() ?? open(),
    acquireFresh: open,
    release(connection) {
      // Answered before its body was read: the next request would stand behind what nobody may ever read.
      const isUnread = connection.socket !== undefined && connection.socket.writableLength > 0;
      if (isClosed || isUnread || idle.length >= maxIdle || connection.client.destroyed) destroy(connection);
      else idle.push(connection);
    },
    discard: destroy,
    close() {
      isClosed = true;
      for (const connection of idle.splice(0)) destroy(connection);
    },
  };
}

/**
 * undici 7 throws where nobody can catch it, and so ends the front, when a backend closes a connection that it does not
 * keep while the response is paused (nodejs/undici#5360, fixed in 8 only). These listeners stand before its own.
 */
function guardPause(connection: Connection, socket: Socket): void {
  socket.on('end', () => connection.paused?.letEnd());
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // It takes a reset with this code for a possible end of the response and asks its parser, which is paused.
    if (connection.paused !== undefined && error.code === 'ECONNRESET') error.code = 'ECONNABORTED';
  });
}

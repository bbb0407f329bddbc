/**
 * Connections to one backend, one request on each at a time. Idle ones are kept for reuse, the most recently
 * used first, up to a bound; a connection whose request was aborted is destroyed. Not undici's `Pool`: that
 * opens a fresh idle connection for every aborted request. Runs on the fronts.
 */
import { Client } from 'undici';

export interface ConnectionOptions {
  readonly origin: string;
  readonly maxIdle: number;
  /** Idle connections are dropped after this long; must be below the backend's own keep-alive. */
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
}

export interface Connections {
  /** A connection for one request; give it back with `release` or `discard`. */
  acquire(): Client;
  /** The request ended in good order. */
  release(client: Client): void;
  /** The request was aborted or failed: the state of the connection is unknown. */
  discard(client: Client): void;
  close(): void;
}

const longestIdleMs = 24 * 60 * 60 * 1_000;

export function createConnections(options: ConnectionOptions): Connections {
  const { origin, maxIdle, connectTimeoutMs } = options;
  // As the Go node reads it: 0 is no limit. undici knows no such value.
  const idleMs = options.idleMs === 0 ? longestIdleMs : options.idleMs;
  const idle: Client[] = [];
  let isClosed = false;

  const open = (): Client => {
    const client = new Client(origin, {
      pipelining: 1,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      // Every wait has our own timer; undici's would cut long generations off.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connectTimeoutMs },
    });
    // A closed idle connection leaves the list, so that `idle` counts sockets.
    client.on('disconnect', () => {
      const at = idle.indexOf(client);
      if (at !== -1) idle.splice(at, 1);
    });
    return client;
  };

  const destroy = (client: Client): void => {
    client.destroy(null).catch(() => undefined);
  };

  return {
    acquire: () => idle.pop() ?? open(),
    release(client) {
      if (isClosed || idle.length >= maxIdle || client.destroyed) destroy(client);
      else idle.push(client);
    },
    discard: destroy,
    close() {
      isClosed = true;
      for (const client of idle.splice(0)) destroy(client);
    },
  };
}

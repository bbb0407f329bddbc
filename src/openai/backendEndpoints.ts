/** What a front keeps for each backend: its connections, and what is the same in every request to it. Runs on the fronts. */
import { type Connections, createConnections } from '../upstream/connections.js';
import { backendHeaders } from './headers.js';
import type { RoutedBackend, RoutedModel } from './routedModels.js';

export interface BackendEndpoint {
  readonly connections: Connections;
  readonly headers: Readonly<Record<string, string>>;
  /** What of the backend's URL stands before `/v1`, without a slash at the end. */
  readonly basePath: string;
}

export interface EndpointOptions {
  readonly maxIdle: number;
  readonly idleMs: number;
}

export interface BackendEndpoints {
  of(backend: RoutedBackend): BackendEndpoint;
  /** Drops the connections of backends that are no longer configured. */
  prune(models: readonly RoutedModel[]): void;
  close(): void;
}

export function createBackendEndpoints(options: EndpointOptions): BackendEndpoints {
  const endpoints = new Map<RoutedBackend, BackendEndpoint>();

  return {
    of(backend) {
      let endpoint = endpoints.get(backend);
      if (endpoint === undefined) {
        const { origin, pathname } = new URL(backend.url);
        endpoint = {
          connections: createConnections({ ...options, origin }),
          headers: backendHeaders(backend),
          basePath: pathname.replace(/\/$/, ''),
        };
        endpoints.set(backend, endpoint);
      }
      return endpoint;
    },
    prune(models) {
      const configured = new Set(models.flatMap(({ backends }) => backends));
      for (const [backend, endpoint] of endpoints) {
        if (configured.has(backend)) continue;
        endpoint.connections.close();
        endpoints.delete(backend);
      }
    },
    close() {
      for (const { connections } of endpoints.values()) connections.close();
      endpoints.clear();
    },
  };
}

/**
 * The OpenAI routes that a backend answers: resolves the model, selects a backend, forwards and streams back.
 * Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import type { Handler } from '../http/route.js';
import type { BackendHealth } from '../shm/backendHealth.js';
import { backendColumn, type InFlightTable } from '../shm/inFlightTable.js';
import { type Connections, createConnections } from '../upstream/connections.js';
import { forward, type UpstreamCall, type UpstreamTimeouts } from '../upstream/forward.js';
import { backendHeaders, upstreamHeaders } from './headers.js';
import { findModel, type ModelInRequest } from './modelInRequest.js';
import type { RoutedBackend } from './routedModels.js';
import { selectBackend } from './selectBackend.js';
import type { ServedModels } from './servedModels.js';
import { StreamedResponse } from './streamedResponse.js';
import { isJson, type UpstreamErrorKind } from './upstreamStatus.js';
import { askForUsage } from './usageInRequest.js';

export interface InferenceOptions {
  readonly front: number;
  readonly models: () => ServedModels;
  readonly inFlight: InFlightTable;
  readonly health: BackendHealth;
  readonly timeouts: UpstreamTimeouts;
  readonly maxIdleConnections: number;
  readonly idleConnectionMs: number;
  /** After how much silence a comment is sent in an event stream; 0 for never. */
  readonly keepAliveMs: number;
  readonly countError: (backend: string, kind: UpstreamErrorKind) => void;
  /** Logs what the caller is not told. */
  readonly report: (x: Exchange, backend: string, error: Error) => void;
}

export interface Inference {
  /** A route whose body is a JSON object that names a model. */
  readonly json: Handler;
  /** Any other route under `/v1/`: the model is read where there is a JSON body, else the default serves. */
  readonly passThrough: Handler;
  /** Drops the connections of backends that are no longer configured. */
  prune(): void;
  close(): void;
}

interface Endpoint {
  readonly connections: Connections;
  readonly headers: Readonly<Record<string, string>>;
  readonly basePath: string;
}

/** Visible ASCII: what a request target may consist of. */
const uriCharacters = /^[\x21-\x7e]*$/;
const dotSegment = /(?:^|\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)/i;

const noModel: ModelInRequest = {
  requested: undefined,
  renamed: () => {
    throw new NodeError('internal_error', { meta: { reason: 'no JSON body to name a model in' } });
  },
};

export function createInference(options: InferenceOptions): Inference {
  const { front, models, inFlight, health, timeouts } = options;
  const endpoints = new Map<RoutedBackend, Endpoint>();

  const endpointOf = (backend: RoutedBackend): Endpoint => {
    let endpoint = endpoints.get(backend);
    if (endpoint === undefined) {
      const { origin, pathname } = new URL(backend.url);
      endpoint = {
        connections: createConnections({
          origin,
          maxIdle: options.maxIdleConnections,
          idleMs: options.idleConnectionMs,
          connectTimeoutMs: timeouts.connectMs,
        }),
        headers: backendHeaders(backend),
        basePath: pathname.replace(/\/$/, ''),
      };
      endpoints.set(backend, endpoint);
    }
    return endpoint;
  };

  const serve = (x: Exchange, named: ModelInRequest, received: Buffer, hidesUsage = false): void => {
    x.phase = 'select';
    const query = x.head.query === '' ? '' : `?${x.head.query}`;
    const target = `${x.head.path}${query}`;
    // The HTTP client would refuse it, which must not count against a backend.
    if (!uriCharacters.test(target)) {
      throw new NodeError('invalid_request', { message: 'The path must be percent-encoded.' });
    }
    // A backend, or a proxy before it, may resolve them and leave `/v1` with the operator's credentials.
    if (dotSegment.test(x.head.path)) {
      throw new NodeError('invalid_request', { message: 'The path must not contain "." or ".." segments.' });
    }
    const model = models().resolve(named.requested);
    const backend = selectBackend(model, inFlight, health);
    x.inference = {
      model: model.name,
      backend: backend.label,
      provider: backend.backendProvider,
      attempts: 1,
      queuedMs: 0,
      usage: undefined,
    };
    const { connections, headers, basePath } = endpointOf(backend);
    // A flat configuration without an alias has one backend for all names: nothing is renamed then.
    const upstreamName = backend.model ?? named.requested;
    const hasJsonBody = named !== noModel;
    const isRenamed = hasJsonBody && upstreamName !== undefined && upstreamName !== named.requested;
    const body = isRenamed ? named.renamed(upstreamName) : received;

    x.phase = 'forward';
    const column = backendColumn(backend.slot);
    inFlight.enter(front, column);
    const renameTo = isRenamed ? (named.requested ?? model.name) : undefined;
    const changes = { renameTo, hidesUsage, keepAliveMs: options.keepAliveMs };
    const response = new StreamedResponse(x, changes, {
      countError: (kind) => options.countError(backend.label, kind),
      report: (error) => options.report(x, backend.label, error),
    });
    let call: UpstreamCall | undefined;
    x.onDrain = () => call?.resume();
    // Before anything that may throw, so that the count returns in every case.
    x.onEnd((end) => {
      call?.abort();
      inFlight.leave(front, column);
      if (end === 'client_closed') options.countError(backend.label, 'client_closed');
    });
    call = forward({
      connections,
      timeouts,
      handler: response,
      request: {
        method: x.head.method,
        path: `${basePath}${target}`,
        headers: upstreamHeaders(x.head.headers, headers, x.id, x.traceparent),
        body: x.head.hasBody ? body : null,
      },
    });
  };

  return {
    json: (x) => {
      const { body, isHidden } = askForUsage(x.endpoint, x.body.bytes);
      serve(x, findModel(body), body, isHidden);
    },
    passThrough: (x) => {
      const { bytes } = x.body;
      const hasJson = bytes.length > 0 && isJson(x.head.headers.get('content-type'));
      serve(x, hasJson ? findModel(bytes) : noModel, bytes);
    },
    prune() {
      const configured = new Set(models().all.flatMap((model) => model.backends));
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

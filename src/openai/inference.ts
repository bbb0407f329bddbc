/**
 * The OpenAI routes that a backend answers: resolves the model, gets a place at a backend, forwards and streams
 * back. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import type { Handler } from '../http/route.js';
import type { WaitingLines } from '../shm/waitingLines.js';
import type { UpstreamTimeouts } from '../upstream/forward.js';
import { type AdmissionOutcome, createAdmission } from './admission.js';
import { createBackendEndpoints } from './backendEndpoints.js';
import { ForwardedInference, type InferenceServices, type Payload } from './forwardedInference.js';
import { findModel } from './modelInRequest.js';
import { isOperationRespelled } from './operation.js';
import { promptPrefixKey } from './promptPrefix.js';
import { RetryBudget } from './retryBudget.js';
import type { BackendStates } from './selectBackend.js';
import type { ServedModels } from './servedModels.js';
import { isJson } from './upstreamStatus.js';
import { askForUsage } from './usageInRequest.js';

export interface InferenceOptions
  extends Pick<InferenceServices, 'countError' | 'countRetry' | 'report' | 'reportOpened'> {
  readonly front: number;
  /** How many there are. */
  readonly fronts: number;
  readonly models: () => ServedModels;
  readonly states: BackendStates;
  readonly lines: WaitingLines;
  readonly queue: { readonly maxWaiting: number; readonly maxWaitMs: number };
  readonly retryBudgetPercent: number;
  /** `prefix`: prompts that begin alike go to the same backend while its load allows. */
  readonly affinity: 'none' | 'prefix';
  readonly timeouts: UpstreamTimeouts;
  readonly maxIdleConnections: number;
  readonly idleConnectionMs: number;
  /** After how much silence a comment is sent in an event stream; 0 for never. */
  readonly keepAliveMs: number;
  readonly countAdmission: (model: string, outcome: AdmissionOutcome, waitedMs: number) => void;
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

/** Not CONNECT, which never ends and so would count against the backend; not TRACE, which echoes the operator's key. */
const passedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** Visible ASCII: what a request target may consist of. */
const uriCharacters = /^[\x21-\x7e]*$/;
/** As the most lenient server divides a path: a backslash is a slash, and a segment ends at a semicolon or number sign. */
const dotSegment = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\;#]|%2f|%5c|%3b|%23|$)/i;

export function createInference(options: InferenceOptions): Inference {
  const { front, models, states, lines, queue } = options;
  const endpoints = createBackendEndpoints({
    maxIdle: options.maxIdleConnections,
    idleMs: options.idleConnectionMs,
  });
  const admission = createAdmission({
    front,
    states,
    lines,
    models: () => models().all,
    ...queue,
    count: options.countAdmission,
  });
  const retryBudgets = new Map<string, RetryBudget>();
  const services: InferenceServices = {
    ...options,
    admission,
    breakers: states.breakers,
    endpointOf: endpoints.of,
    retryBudgetOf({ name }) {
      let budget = retryBudgets.get(name);
      if (budget === undefined) {
        budget = new RetryBudget({
          percent: options.retryBudgetPercent,
          fronts: options.fronts,
          nowMs: performance.now(),
        });
        retryBudgets.set(name, budget);
      }
      return budget;
    },
  };

  const serve = (x: Exchange, payload: Payload, hidesUsage = false): void => {
    const target = targetOf(x);
    const requested = payload.named?.requested;
    const model = models().resolve(requested);
    x.inference = {
      model: model.name,
      backend: undefined,
      provider: undefined,
      attempts: 0,
      queuedMs: 0,
      usage: undefined,
    };
    services.retryBudgetOf(model).deposit();
    const isSpread = options.affinity === 'none' || model.backends.length === 1 || !payload.named;
    const affinityKey = isSpread ? undefined : promptPrefixKey(x.body.bytes);
    admission.admit(x, model, affinityKey, (place) => {
      x.phase = 'select';
      const request = { x, model, requested, target, payload, hidesUsage };
      new ForwardedInference(services, request).start(place);
    });
  };

  return {
    json: (x) => {
      const { body, isHidden } = askForUsage(x.endpoint, x.body.bytes);
      serve(x, { bytes: body, named: findModel(body) }, isHidden);
    },
    passThrough: (x) => {
      if (!passedMethods.includes(x.head.method)) {
        throw new NodeError('method_not_allowed', { meta: { allow: passedMethods.join(', ') } });
      }
      // Its tokens would not be asked for, and so not be counted against the caller's limit.
      if (isOperationRespelled(x.head.path)) {
        throw new NodeError('invalid_request', {
          message: 'Write the path as it stands in the documentation.',
        });
      }
      const { bytes } = x.body;
      const hasJson = bytes.length > 0 && isJson(x.head.headers.get('content-type'));
      serve(x, { bytes, named: hasJson ? findModel(bytes) : undefined });
    },
    prune() {
      endpoints.prune(models().all);
      const names = new Set(models().all.map(({ name }) => name));
      for (const name of retryBudgets.keys()) if (!names.has(name)) retryBudgets.delete(name);
    },
    close() {
      admission.close();
      endpoints.close();
    },
  };
}

/** Path and query, as they go upstream. */
function targetOf({ head: { path, query } }: Exchange): string {
  const target = query === '' ? path : `${path}?${query}`;
  // The HTTP client would refuse it, which must not count against a backend.
  if (!uriCharacters.test(target)) {
    throw new NodeError('invalid_request', { message: 'The path must be percent-encoded.' });
  }
  // A backend, or a proxy before it, may resolve them and leave `/v1` with the operator's credentials.
  if (dotSegment.test(path)) {
    throw new NodeError('invalid_request', { message: 'The path must not contain "." or ".." segments.' });
  }
  return target;
}

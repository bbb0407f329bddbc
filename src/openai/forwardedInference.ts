/**
 * One inference from its place at a backend to its end: forwarded, and when that backend fails before the first byte
 * of the answer, forwarded once more to another. Every place is given back and every verdict reaches the breaker,
 * however the exchange ends. Runs on the fronts.
 */
import type { NodeError } from '../errors/nodeError.js';
import type { Exchange, ExchangeEnd } from '../http/exchange.js';
import type { Breakers } from '../shm/breakers.js';
import { forward, type UpstreamCall, type UpstreamTimeouts } from '../upstream/forward.js';
import type { Admission } from './admission.js';
import type { BackendEndpoint } from './backendEndpoints.js';
import { upstreamHeaders } from './headers.js';
import type { ModelInRequest } from './modelInRequest.js';
import type { RetryBudget } from './retryBudget.js';
import type { RoutedBackend, RoutedModel } from './routedModels.js';
import type { Place } from './selectBackend.js';
import { type AttemptWatcher, StreamedResponse } from './streamedResponse.js';
import type { AttemptFaultKind, UpstreamErrorKind } from './upstreamStatus.js';

/** What every inference of a front shares. */
export interface InferenceServices {
  readonly admission: Admission;
  readonly breakers: Breakers;
  readonly endpointOf: (backend: RoutedBackend) => BackendEndpoint;
  readonly retryBudgetOf: (model: RoutedModel) => RetryBudget;
  readonly timeouts: UpstreamTimeouts;
  readonly keepAliveMs: number;
  readonly countError: (backend: string, kind: UpstreamErrorKind) => void;
  readonly countRetry: (backend: string) => void;
  /** Logs what the caller is not told. */
  readonly report: (x: Exchange, backend: string, error: Error, isRetried: boolean) => void;
  readonly reportOpened: (backend: string) => void;
}

export interface ForwardedInferenceOptions {
  readonly x: Exchange;
  readonly model: RoutedModel;
  /** The name that the caller used, if any. */
  readonly requested: string | undefined;
  /** Path and query. */
  readonly target: string;
  readonly payload: Payload;
  readonly hidesUsage: boolean;
}

/** What goes upstream. */
export interface Payload {
  readonly bytes: Buffer;
  /** `undefined` where there is no JSON to name a model in. */
  readonly named: ModelInRequest | undefined;
}

/**
 * What an ending says about the backend. `failing` counts towards opening its breaker. `unclear` does not, since a
 * broken connection may have many causes on the way, but it is not what a probe should end in. `alive`: it answered.
 */
const verdicts = {
  connect: 'failing',
  connect_timeout: 'failing',
  first_byte_timeout: 'failing',
  idle_timeout: 'failing',
  total_timeout: 'failing',
  status_5xx: 'failing',
  reset: 'unclear',
  protocol: 'unclear',
  status_4xx: 'alive',
  status_3xx: 'alive',
} as const satisfies Record<AttemptFaultKind, 'failing' | 'unclear' | 'alive'>;

const emptyBytes = Buffer.alloc(0);

export class ForwardedInference implements AttemptWatcher {
  readonly #services: InferenceServices;
  readonly #x: Exchange;
  readonly #model: RoutedModel;
  readonly #requested: string | undefined;
  readonly #target: string;
  readonly #hidesUsage: boolean;
  readonly #startedAtMs = performance.now();
  readonly #tried: RoutedBackend[] = [];
  /** Until a backend answers; an answer may take minutes, and nobody needs the body any more. */
  #payload: Payload | undefined;
  #place: Place | undefined;
  #call: UpstreamCall | undefined;

  constructor(services: InferenceServices, options: ForwardedInferenceOptions) {
    this.#services = services;
    this.#x = options.x;
    this.#model = options.model;
    this.#requested = options.requested;
    this.#target = options.target;
    this.#payload = options.payload;
    this.#hidesUsage = options.hidesUsage;
  }

  start(place: Place): void {
    const x = this.#x;
    this.#place = place;
    // Before anything that may throw, so that the place returns in every case.
    x.onEnd(this.#end);
    if (!x.isOpen) return;
    x.onDrain = this.#resume;
    this.#attempt(place);
  }

  accepted(): void {
    this.#payload = undefined;
    this.#settleProbe();
  }

  /** The backend gave an answer of its own. */
  #settleProbe(): void {
    const place = this.#place;
    // A probe that is answered closes the breaker now: a long stream would keep the others out until its end.
    if (place?.isProbe !== true) return;
    place.isProbe = false;
    this.#services.breakers.close(place.backend.slot);
  }

  completed(): void {
    if (this.#place !== undefined) this.#services.breakers.succeed(this.#place.backend.slot);
    this.#leave();
  }

  failed(kind: AttemptFaultKind, error: NodeError): boolean {
    const { breakers, countError, report, reportOpened } = this.#services;
    const place = this.#place;
    if (place === undefined) return false;
    const { label, slot } = place.backend;
    countError(label, kind);
    const verdict = verdicts[kind];
    if (verdict === 'alive') this.#settleProbe();
    else if (verdict === 'failing' || place.isProbe) {
      const hasOpened = breakers.fail(slot, place.isProbe);
      place.isProbe = false;
      if (hasOpened) reportOpened(label);
    }
    const other = mayTryAnother(kind, error) ? this.#takeAnother(place) : undefined;
    report(this.#x, label, error, other !== undefined);
    if (other === undefined) {
      this.#call?.abort();
      this.#leave();
      return false;
    }
    this.#attempt(other);
    return true;
  }

  /** Trades the place of a backend that failed for one at another; `undefined` keeps it. */
  #takeAnother(failed: Place): Place | undefined {
    const { admission, retryBudgetOf, countRetry } = this.#services;
    const x = this.#x;
    const model = this.#model;
    if (x.isStarted || !x.isOpen) return undefined;
    this.#tried.push(failed.backend);
    const other = admission.another(model, this.#tried);
    if (other === undefined) return undefined;
    if (!retryBudgetOf(model).withdraw(performance.now())) {
      admission.leave(model, other);
      return undefined;
    }
    countRetry(failed.backend.label);
    this.#place = other;
    admission.leave(model, failed);
    return other;
  }

  #attempt({ backend }: Place): void {
    const { endpointOf, timeouts, keepAliveMs } = this.#services;
    const x = this.#x;
    const requested = this.#requested;
    const { bytes = emptyBytes, named } = this.#payload ?? {};
    const { connections, headers, basePath } = endpointOf(backend);
    const record = x.inference;
    if (record !== undefined) {
      record.backend = backend.label;
      record.provider = backend.backendProvider;
      record.attempts++;
    }
    // A flat configuration without an alias has one backend for all names: nothing is renamed then.
    const upstreamName = backend.model ?? requested;
    const isRenamed = named !== undefined && upstreamName !== undefined && upstreamName !== requested;
    const renameTo = isRenamed ? (requested ?? this.#model.name) : undefined;
    const body = isRenamed ? named.renamed(upstreamName) : bytes;
    x.phase = 'forward';
    // A refusal is answered elsewhere while its body still comes in.
    this.#call?.abort();
    // The caller waits for one answer: all attempts together have the time of one.
    const leftMs = timeouts.totalMs - (performance.now() - this.#startedAtMs);
    this.#call = forward({
      connections,
      timeouts,
      totalMs: Math.max(1, leftMs),
      handler: new StreamedResponse(x, { renameTo, hidesUsage: this.#hidesUsage, keepAliveMs }, this),
      request: {
        method: x.head.method,
        path: `${basePath}${this.#target}`,
        headers: upstreamHeaders(x.head.headers, headers, x.id, x.traceparent),
        body: x.head.hasBody ? body : null,
      },
    });
  }

  readonly #resume = (): void => this.#call?.resume();

  readonly #end = (end: ExchangeEnd): void => {
    this.#call?.abort();
    const place = this.#place;
    if (place === undefined) return;
    if (end === 'client_closed') this.#services.countError(place.backend.label, 'client_closed');
    this.#leave();
  };

  /** As soon as the backend is done, so that a caller who has its answer finds the place free. */
  #leave(): void {
    const place = this.#place;
    if (place === undefined) return;
    this.#place = undefined;
    this.#services.admission.leave(this.#model, place);
  }
}

/** Only where the backend cannot have executed the request, or says itself that it did not. */
function mayTryAnother(kind: AttemptFaultKind, error: NodeError): boolean {
  if (kind === 'connect' || kind === 'connect_timeout') return true;
  return kind === 'status_5xx' && (error.status === 502 || error.status === 503 || error.status === 504);
}

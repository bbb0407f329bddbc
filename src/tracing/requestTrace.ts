/**
 * The spans of one request: a server span for the whole, with an event for each phase, and a client span for each
 * attempt at a backend, whose id the backend is told in `traceparent`. Attribute names are those of OpenTelemetry's
 * HTTP and GenAI conventions; what they have no name for begins with `fxn.`. Runs on the fronts.
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { InferenceRecord } from '../lib/inferenceRecord.js';
import { formatTraceParent, parseTraceParent } from '../lib/traceparent.js';

/** What is read of a request, and where its trace takes part in it. */
export interface TracedRequest {
  readonly head: {
    readonly method: string;
    readonly path: string;
    readonly headers: ReadonlyMap<string, string>;
  };
  readonly id: string;
  readonly startedAtMs: number;
  readonly phase: string;
  readonly endpoint: string;
  /** Known only of callers whose signature holds. */
  readonly caller: string | undefined;
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly inference: InferenceRecord | undefined;
  traceparent: string | undefined;
  onPhase: (() => void) | undefined;
  onEnd(listener: (end: string) => void): void;
}

export interface RequestTraceOptions {
  readonly tracer: Tracer;
  readonly scheme: 'http' | 'https';
  readonly port: number;
  /** Asked before a request that nobody authenticated gets a span. */
  readonly mayTraceStranger: () => boolean;
}

const operations: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
};
const methods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);
const authority = /^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$/;

export class RequestTrace {
  readonly #x: TracedRequest;
  readonly #options: RequestTraceOptions;
  /** Unix milliseconds at `performance.now()` = 0; per request, so that a clock that was set right counts. */
  readonly #epochMs = Date.now() - performance.now();
  readonly #phases: (readonly [phase: string, atMs: number])[] = [];
  #server: Span | undefined;
  #context: Context = ROOT_CONTEXT;
  #attempt: Span | undefined;
  #attempts = 0;

  constructor(x: TracedRequest, options: RequestTraceOptions) {
    this.#x = x;
    this.#options = options;
    this.#phases.push([x.phase, this.#epochMs + x.startedAtMs]);
    x.onPhase = this.#onPhase;
    x.onEnd((end) => {
      const atMs = this.#nowMs();
      // Others that listen for the end may have something to say of the request, such as its tokens.
      queueMicrotask(() => this.#end(end, atMs));
    });
  }

  readonly #onPhase = (): void => {
    const { phase } = this.#x;
    this.#phases.push([phase, this.#nowMs()]);
    // Whoever gets this far has passed authentication, or it is switched off.
    if (phase === 'admit' || this.#x.caller !== undefined) this.#begin(true);
    if (phase === 'forward') this.#beginAttempt();
  };

  /**
   * A caller's `traceparent` counts once it is known who that is: a stranger could otherwise write into the traces
   * of others, or decide which requests are sampled.
   */
  #begin(isAuthenticated: boolean): void {
    if (this.#server !== undefined) return;
    const { head, endpoint } = this.#x;
    const parent = isAuthenticated ? parseTraceParent(head.headers.get('traceparent')) : undefined;
    const context = parent === undefined ? ROOT_CONTEXT : contextOf(parent);
    const method = methods.has(head.method) ? head.method : 'HTTP';
    this.#server = this.#options.tracer.startSpan(
      endpoint.startsWith('/') ? `${method} ${endpoint}` : method,
      { kind: SpanKind.SERVER, startTime: this.#phases[0]![1], attributes: this.#requestAttributes() },
      context,
    );
    this.#context = trace.setSpan(context, this.#server);
  }

  #beginAttempt(): void {
    const nowMs = this.#nowMs();
    this.#endAttempt('retried', nowMs);
    this.#attempts++;
    const { endpoint, head, inference } = this.#x;
    const operation = operations[endpoint];
    const name = operation === undefined ? head.method : `${operation} ${inference?.model ?? ''}`.trimEnd();
    this.#attempt = this.#options.tracer.startSpan(
      name,
      {
        kind: SpanKind.CLIENT,
        startTime: nowMs,
        attributes: {
          'http.request.method': methods.has(head.method) ? head.method : '_OTHER',
          ...(this.#attempts === 1 ? {} : { 'http.request.resend_count': this.#attempts - 1 }),
          ...backendAttributes(inference),
        },
      },
      this.#context,
    );
    const { traceId, spanId, traceFlags } = this.#attempt.spanContext();
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    this.#x.traceparent = formatTraceParent({ traceId, spanId, isSampled });
  }

  #endAttempt(error: string | undefined, atMs: number): void {
    if (this.#attempt === undefined) return;
    fail(this.#attempt, error);
    this.#attempt.end(atMs);
    this.#attempt = undefined;
  }

  #end(end: string, atMs: number): void {
    const x = this.#x;
    if (this.#server === undefined) {
      const isAuthenticated = x.caller !== undefined;
      if (!isAuthenticated && !this.#options.mayTraceStranger()) return;
      this.#begin(isAuthenticated);
    }
    const { inference } = x;
    const error = x.errorCode ?? (end === 'complete' ? undefined : end);
    this.#attempt?.setAttributes({
      ...backendAttributes(inference),
      ...genAiAttributes(operations[x.endpoint], inference),
    });
    this.#endAttempt(error, atMs);

    const server = this.#server!;
    for (const [phase, phaseAtMs] of this.#phases) server.addEvent(phase, undefined, phaseAtMs);
    server.setAttributes({
      ...(x.status === 0 ? {} : { 'http.response.status_code': x.status }),
      'http.request.body.size': x.receivedBytes,
      'http.response.body.size': x.sentBytes,
      ...(x.caller === undefined ? {} : { 'fxn.caller.address': x.caller }),
      ...genAiAttributes(operations[x.endpoint], inference),
      ...(inference === undefined ? {} : { 'fxn.queue.wait_ms': Math.round(inference.queuedMs) }),
    });
    if (error !== undefined) server.setAttribute('error.type', error);
    // A refusal is the caller's error, not one of the server (HTTP conventions, "Status").
    if (end !== 'complete' || x.status >= 500) server.setStatus({ code: SpanStatusCode.ERROR });
    server.end(atMs);
  }

  #requestAttributes(): Attributes {
    const { head, endpoint, id } = this.#x;
    const { scheme, port } = this.#options;
    const isKnown = methods.has(head.method);
    const [, host, hostPort] = authority.exec(head.headers.get('host') ?? '') ?? [];
    return {
      'http.request.method': isKnown ? head.method : '_OTHER',
      ...(isKnown ? {} : { 'http.request.method_original': head.method }),
      ...(endpoint.startsWith('/') ? { 'http.route': endpoint } : {}),
      'url.scheme': scheme,
      'url.path': head.path,
      ...(host === undefined ? {} : { 'server.address': host }),
      'server.port': hostPort === undefined ? port : Number(hostPort),
      'fxn.request.id': id,
    };
  }

  #nowMs(): number {
    return this.#epochMs + performance.now();
  }
}

function contextOf(parent: NonNullable<ReturnType<typeof parseTraceParent>>): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  });
}

function fail(span: Span, error: string | undefined): void {
  if (error === undefined) return;
  span.setAttribute('error.type', error);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Label `host:port`, or `host` where the port is the scheme's own. */
function backendAttributes(inference: InferenceRecord | undefined): Attributes {
  const [, address, port] = /^(.*?)(?::(\d+))?$/.exec(inference?.backend ?? '') ?? [];
  return {
    ...(address === undefined || address === '' ? {} : { 'server.address': address }),
    ...(port === undefined ? {} : { 'server.port': Number(port) }),
    ...(inference?.provider === undefined ? {} : { 'gen_ai.provider.name': inference.provider }),
  };
}

function genAiAttributes(operation: string | undefined, inference: InferenceRecord | undefined): Attributes {
  if (operation === undefined) return {};
  const usage = inference?.usage;
  return {
    'gen_ai.operation.name': operation,
    ...(inference === undefined ? {} : { 'gen_ai.request.model': inference.model }),
    ...(usage === undefined
      ? {}
      : {
          'gen_ai.usage.input_tokens': usage.inputTokens,
          'gen_ai.usage.output_tokens': usage.outputTokens,
          ...(usage.isEstimated ? { 'fxn.usage.estimated': true } : {}),
        }),
  };
}

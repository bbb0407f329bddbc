/**
 * What a front counts. Series are looked up once and kept, so that a request costs no label hashing; every
 * label comes from a closed set. Runs on the fronts.
 */
import { Counter, Histogram } from 'prom-client';
import { addEventLoopDelay, type EventLoopDelay } from './eventLoopDelay.js';
import { remembered } from './rememberedSeries.js';
import type { MetricsRegistry } from './threadMetrics.js';

export interface FrontMetrics {
  /** `statusCode` is 499 when the client left before the answer began. */
  countResponse(endpoint: string, statusCode: number, durationS: number): void;
  countAuth(outcome: string): void;
  countUpstreamError(backend: string, kind: string): void;
  /** How a request came to a place at a backend of its model, or did not. */
  countAdmission(model: string, outcome: string, waitedMs: number): void;
  /** A request that was forwarded to another backend after this one failed. */
  countRetry(backend: string): void;
  countHandlerFault(): void;
  countSpans(outcome: string, spans: number): void;
}

/** From a cached model list to a long generation. */
const durationBucketsS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export function createFrontMetrics(registry: MetricsRegistry, delay: EventLoopDelay): FrontMetrics {
  const responses = registry.add(
    new Counter({
      name: 'endpoint_responses_total',
      help: 'Answers on the public port by route and status.',
      labelNames: ['endpoint', 'status_code'],
      registers: [],
    }),
  );
  const durations = registry.add(
    new Histogram({
      name: 'fxn_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer.',
      labelNames: ['endpoint'],
      buckets: durationBucketsS,
      registers: [],
    }),
  );
  const auth = registry.add(
    new Counter({
      name: 'fxn_auth_requests_total',
      help: 'Authenticated requests by outcome: accepted, bypassed, or the code of the refusal.',
      labelNames: ['outcome'],
      registers: [],
    }),
  );
  const upstreamErrors = registry.add(
    new Counter({
      name: 'fxn_upstream_errors_total',
      help: 'Requests to a backend that did not end well, by kind.',
      labelNames: ['backend', 'kind'],
      registers: [],
    }),
  );
  const admissions = registry.add(
    new Counter({
      name: 'fxn_admission_requests_total',
      help: 'Requests for a model by how they came to a backend: at_once, waited, or why they did not.',
      labelNames: ['model', 'outcome'],
      registers: [],
    }),
  );
  const waits = registry.add(
    new Histogram({
      name: 'fxn_admission_wait_seconds',
      help: 'How long requests waited in line for a backend of their model.',
      labelNames: ['model'],
      buckets: durationBucketsS,
      registers: [],
    }),
  );
  const retries = registry.add(
    new Counter({
      name: 'fxn_upstream_retries_total',
      help: 'Requests that went to another backend after this one had failed.',
      labelNames: ['backend'],
      registers: [],
    }),
  );
  const faults = registry.add(
    new Counter({
      name: 'fxn_handler_faults_total',
      help: 'Requests that failed by an error of this program; each is in the log.',
      registers: [],
    }),
  );
  const spans = registry.add(
    new Counter({
      name: 'fxn_trace_spans_total',
      help: 'Spans by outcome: exported, failed (the collector did not take them) or dropped (the queue was full).',
      labelNames: ['outcome'],
      registers: [],
    }),
  );
  addEventLoopDelay(registry, delay);

  const responseSeries = new Map<string, Counter.Internal>();
  const responseOf = (endpoint: string, statusCode: number): Counter.Internal => {
    const key = `${endpoint} ${statusCode}`;
    let series = responseSeries.get(key);
    if (series === undefined) {
      series = responses.labels(endpoint, String(statusCode));
      responseSeries.set(key, series);
    }
    return series;
  };
  const durationOf = remembered((endpoint) => durations.labels(endpoint));
  const admissionOf = remembered((model) => remembered((outcome) => admissions.labels(model, outcome)));
  const waitOf = remembered((model) => waits.labels(model));
  const authOf = remembered((outcome) => auth.labels(outcome));

  return {
    countResponse(endpoint, statusCode, durationS) {
      responseOf(endpoint, statusCode).inc();
      durationOf(endpoint).observe(durationS);
    },
    countAuth: (outcome) => authOf(outcome).inc(),
    countUpstreamError: (backend, kind) => upstreamErrors.labels(backend, kind).inc(),
    countAdmission(model, outcome, waitedMs) {
      admissionOf(model)(outcome).inc();
      if (waitedMs > 0) waitOf(model).observe(waitedMs / 1_000);
    },
    countRetry: (backend) => retries.labels(backend).inc(),
    countHandlerFault: () => faults.inc(),
    countSpans: (outcome, count) => spans.inc({ outcome }, count),
  };
}

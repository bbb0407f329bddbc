/**
 * What a front counts. Series are looked up once and kept, by values that are there anyway, so that a request
 * builds no label; every label comes from a closed set. Runs on the fronts.
 */
import { addEventLoopDelay, type EventLoopDelay } from './eventLoopDelay.js';
import { remembered } from './rememberedSeries.js';
import { SeriesCounter } from './seriesCounter.js';
import { SeriesHistogram } from './seriesHistogram.js';
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
    new SeriesCounter({
      name: 'endpoint_responses_total',
      help: 'Answers on the public port by route and status; 499 when the client left before the answer began.',
      labelNames: ['endpoint', 'status_code'],
    }),
  );
  const durations = registry.add(
    new SeriesHistogram({
      name: 'fxn_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer.',
      labelNames: ['endpoint'],
      buckets: durationBucketsS,
    }),
  );
  const auth = registry.add(
    new SeriesCounter({
      name: 'fxn_auth_requests_total',
      help: 'Authenticated requests by outcome: accepted, bypassed, error, or the code of the refusal.',
      labelNames: ['outcome'],
    }),
  );
  const upstreamErrors = registry.add(
    new SeriesCounter({
      name: 'fxn_upstream_errors_total',
      help: 'Requests to a backend that did not end well, by kind: connect, connect_timeout, first_byte_timeout, idle_timeout, total_timeout, reset, protocol, client_closed, status_3xx, status_4xx or status_5xx.',
      labelNames: ['backend', 'kind'],
    }),
  );
  const admissions = registry.add(
    new SeriesCounter({
      name: 'fxn_admission_requests_total',
      help: 'Requests for a model by how they came to a backend: at_once, waited, or why they did not: queue_full, queue_timeout, no_backend, left.',
      labelNames: ['model', 'outcome'],
    }),
  );
  const waits = registry.add(
    new SeriesHistogram({
      name: 'fxn_admission_wait_seconds',
      help: 'How long requests waited in line for a backend of their model, of those that had to wait.',
      labelNames: ['model'],
      buckets: durationBucketsS,
    }),
  );
  const retries = registry.add(
    new SeriesCounter({
      name: 'fxn_upstream_retries_total',
      help: 'Requests that went to another backend after this one had failed.',
      labelNames: ['backend'],
    }),
  );
  const faults = registry.add(
    new SeriesCounter({
      name: 'fxn_handler_faults_total',
      help: 'Requests that failed by an error of this program; each is in the log.',
    }),
  );
  const spans = registry.add(
    new SeriesCounter({
      name: 'fxn_trace_spans_total',
      help: 'Spans by outcome: exported, failed (the collector did not take them) or dropped (the queue was full).',
      labelNames: ['outcome'],
    }),
  );
  addEventLoopDelay(registry, delay);

  const routeOf = remembered((endpoint: string) => ({
    responseOf: remembered((status: number) => responses.seriesOf({ endpoint, status_code: String(status) })),
    duration: durations.seriesOf({ endpoint }),
  }));
  const authOf = remembered((outcome: string) => auth.seriesOf({ outcome }));
  const admissionOf = remembered((model: string) =>
    remembered((outcome: string) => admissions.seriesOf({ model, outcome })),
  );
  const waitOf = remembered((model: string) => waits.seriesOf({ model }));
  const fault = faults.seriesOf({});
  const spanOf = remembered((outcome: string) => spans.seriesOf({ outcome }));

  return {
    countResponse(endpoint, statusCode, durationS) {
      const route = routeOf(endpoint);
      route.responseOf(statusCode).inc();
      route.duration.observe(durationS);
    },
    countAuth: (outcome) => authOf(outcome).inc(),
    countUpstreamError: (backend, kind) => upstreamErrors.seriesOf({ backend, kind }).inc(),
    countAdmission(model, outcome, waitedMs) {
      admissionOf(model)(outcome).inc();
      if (waitedMs > 0) waitOf(model).observe(waitedMs / 1_000);
    },
    countRetry: (backend) => retries.seriesOf({ backend }).inc(),
    countHandlerFault: () => fault.inc(),
    countSpans: (outcome, count) => spanOf(outcome).inc(count),
  };
}

/**
 * Traces of requests, exported by OTLP over HTTP. Loaded only when an endpoint is configured, so that nobody else
 * pays for it. Each front exports by itself. Runs on the fronts.
 */

import { hostname } from 'node:os';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { packageVersion } from '../lib/packageVersion.js';
import { collectorOf } from './collector.js';
import { RequestTrace, type TracedRequest } from './requestTrace.js';
import { createSpanQueue, type SpanOutcome } from './spanQueue.js';

export interface TracingOptions {
  /** `telemetry.otlpEndpoint`: a secret. */
  readonly endpoint: string;
  /** Which of the node's threads this is. */
  readonly thread: string;
  readonly scheme: 'http' | 'https';
  readonly port: number;
  readonly log: {
    warn(fields: object, message: string): void;
    info(fields: object, message: string): void;
  };
  readonly count: (outcome: SpanOutcome, spans: number) => void;
}

export interface Tracing {
  /** Follows a request to its end. */
  follow(x: TracedRequest): void;
  /** Exports what waits, as far as that goes in this time. */
  close(deadlineMs: number): Promise<void>;
}

/** Some megabytes at most; a front that ends this many requests faster than they are taken drops spans. */
const capacity = 2_048;
const batch = 512;
const delayMs = 1_000;
const requestDeadlineMs = 5_000;
const exportDeadlineMs = 10_000;
const attributeLength = 1_024;
/** Requests that nobody signed: enough to see what is going on, too few to crowd the others out. */
const strangersPerSecond = 10;

export function openTracing(options: TracingOptions): Tracing {
  const { log, thread, scheme, port } = options;
  const { url, headers, label } = collectorOf(options.endpoint);
  const version = packageVersion(import.meta.url);
  const exporter = new OTLPTraceExporter({
    url,
    headers: { ...headers },
    timeoutMillis: requestDeadlineMs,
    concurrencyLimit: capacity / batch,
  });
  const queue = createSpanQueue({
    exporter,
    capacity,
    batch,
    delayMs,
    exportDeadlineMs,
    count: options.count,
    onFailure: (reason) => log.warn({ collector: label, reason }, 'the collector takes no spans'),
    onRecovery: () => log.info({ collector: label }, 'the collector takes spans again'),
  });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'fxn-provider-node',
      'service.version': version,
      'service.instance.id': `${hostname()}:${port}`,
      'fxn.thread': thread,
    }),
    spanProcessors: [queue],
    spanLimits: { attributeValueLengthLimit: attributeLength },
  });
  const traceOptions = {
    tracer: provider.getTracer('fxn-provider-node', version),
    scheme,
    port,
    mayTraceStranger: createAllowance(strangersPerSecond),
  };

  return {
    follow: (x) => void new RequestTrace(x, traceOptions),
    async close(deadlineMs) {
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadlineMs);
      });
      // What failed is in the log already.
      const flushed = provider.shutdown().catch(() => undefined);
      await Promise.race([flushed, deadline]);
      clearTimeout(timer);
    },
  };
}

/** True so many times in each second. */
function createAllowance(perSecond: number): () => boolean {
  let second = -1;
  let left = 0;
  return () => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) {
      second = now;
      left = perSecond;
    }
    if (left === 0) return false;
    left--;
    return true;
  };
}

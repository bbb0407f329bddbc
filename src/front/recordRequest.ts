/** The outermost layer: counts each request while it is open, and tells of it when it ended. Runs on the fronts. */
import type { Exchange, ExchangeEnd } from '../http/exchange.js';
import type { Layer } from '../http/route.js';
import type { Logger } from '../logger/logger.js';
import type { FrontMetrics } from '../metrics/frontMetrics.js';
import type { InferenceMetrics } from '../metrics/inferenceMetrics.js';
import { operationOf } from '../openai/operation.js';
import { type InFlightTable, requestColumn } from '../shm/inFlightTable.js';

export interface RecordOptions {
  readonly front: number;
  readonly inFlight: InFlightTable;
  readonly metrics: FrontMetrics;
  readonly inferenceMetrics: InferenceMetrics;
  readonly log: Logger;
  /** `undefined` where requests are not traced. */
  readonly trace: ((x: Exchange) => void) | undefined;
}

/** The status of a request whose client left before the answer began. */
const clientLeft = 499;

export function recordRequest(options: RecordOptions): Layer {
  const { front, inFlight, metrics, inferenceMetrics, log, trace } = options;
  return (next) => (x) => {
    inFlight.enter(front, requestColumn);
    trace?.(x);
    x.onEnd((end) => {
      x.phase = 'record';
      inFlight.leave(front, requestColumn);
      const durationMs = performance.now() - x.startedAtMs;
      const status = x.status === 0 ? clientLeft : x.status;
      metrics.countResponse(x.endpoint, status, durationMs / 1_000);
      if (x.inference !== undefined) {
        const wasStreamed = x.isTokenStream && x.firstByteAtMs > 0;
        inferenceMetrics.record(x.inference, {
          endpoint: x.endpoint,
          operation: operationOf(x.endpoint) ?? 'other',
          end,
          errorType: errorTypeOf(x, end),
          durationS: durationMs / 1_000,
          firstTokenS: wasStreamed ? (x.firstByteAtMs - x.startedAtMs) / 1_000 : undefined,
        });
      }
      if (log.isLevelEnabled('debug')) log.debug({ ...summaryOf(x), end, status, durationMs }, 'request');
    });
    next(x);
  };
}

/** What the log tells of a request: nothing of its content. */
export function summaryOf(x: Exchange): Record<string, unknown> {
  return {
    id: x.id,
    method: x.head.method,
    endpoint: x.endpoint,
    caller: x.caller,
    code: x.errorCode,
    bytesIn: x.receivedBytes,
    bytesOut: x.sentBytes,
  };
}

/** Ours has a code, the client's is that it left, a backend's own has a status that was passed. */
function errorTypeOf(x: Exchange, end: ExchangeEnd): string {
  if (end === 'client_closed') return end;
  return x.errorCode ?? (x.status >= 400 ? String(x.status) : '');
}

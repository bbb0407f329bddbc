/** The outermost layer: counts each request while it is open, and tells of it when it ended. Runs on the fronts. */
import type { Exchange, ExchangeEnd } from '../http/exchange.js';
import type { Layer } from '../http/route.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../logger/logger.js';
import type { FrontMetrics } from '../metrics/frontMetrics.js';
import type { InferenceMetrics } from '../metrics/inferenceMetrics.js';
import { operationOf } from '../openai/operation.js';
import { type FrontTotals, totalsColumn } from '../shm/frontTotals.js';
import { type InFlightTable, requestColumn } from '../shm/inFlightTable.js';
import type { Ending, RequestRing } from './requestRing.js';

export interface RecordOptions {
  readonly front: number;
  readonly inFlight: InFlightTable;
  readonly metrics: FrontMetrics;
  readonly inferenceMetrics: InferenceMetrics;
  /** For the console, as is `recent`. */
  readonly totals: FrontTotals;
  readonly recent: RequestRing;
  readonly clock: Clock;
  readonly log: Logger;
  /** `undefined` where requests are not traced. */
  readonly trace: ((x: Exchange) => void) | undefined;
}

/** The status of a request whose client left before the answer began. */
const clientLeft = 499;
/** Asked by load balancers: the console would show little else. */
const healthEndpoint = '/health';

export function recordRequest(options: RecordOptions): Layer {
  const { front, inFlight, metrics, inferenceMetrics, totals, recent, clock, log, trace } = options;
  const countStream = (): void => totals.add(front, totalsColumn.openStreams, 1);
  return (next) => (x) => {
    inFlight.enter(front, requestColumn);
    trace?.(x);
    x.onTokenStream = countStream;
    x.onEnd((end) => {
      x.phase = 'record';
      inFlight.leave(front, requestColumn);
      const durationMs = performance.now() - x.startedAtMs;
      const status = x.status === 0 ? clientLeft : x.status;
      const firstTokenMs = x.isTokenStream && x.firstByteAtMs > 0 ? x.firstByteAtMs - x.startedAtMs : null;
      metrics.countResponse(x.endpoint, status, durationMs / 1_000);
      if (x.inference !== undefined) {
        inferenceMetrics.record(x.inference, {
          endpoint: x.endpoint,
          operation: operationOf(x.endpoint) ?? 'other',
          end,
          errorType: errorTypeOf(x, end),
          durationS: durationMs / 1_000,
          firstTokenS: firstTokenMs === null ? undefined : firstTokenMs / 1_000,
        });
      }
      if (x.endpoint !== healthEndpoint) {
        const ended: Ending = { end, atMs: clock.nowMs(), status, durationMs, firstTokenMs };
        count(x, ended);
        recent.record(x, ended);
      }
      if (log.isLevelEnabled('debug')) log.debug({ ...summaryOf(x), end, status, durationMs }, 'request');
    });
    next(x);
  };

  function count(x: Exchange, { end, status, durationMs, firstTokenMs }: Ending): void {
    totals.add(front, statusColumn(status), 1);
    if (status >= 500 || end === 'cut') totals.add(front, totalsColumn.failed, 1);
    totals.countDuration(front, durationMs);
    if (firstTokenMs !== null) totals.countFirstToken(front, firstTokenMs);
    if (x.isTokenStream) totals.add(front, totalsColumn.openStreams, -1);
    const usage = x.inference?.usage;
    if (usage === undefined) return;
    totals.add(front, totalsColumn.inputTokens, usage.inputTokens);
    totals.add(front, totalsColumn.outputTokens, usage.outputTokens);
  }
}

function statusColumn(status: number): number {
  if (status === clientLeft) return totalsColumn.left;
  if (status >= 500) return totalsColumn.serverErrors;
  return status >= 400 ? totalsColumn.clientErrors : totalsColumn.completed;
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

/**
 * What stands between finished spans and the collector: a bounded queue that drops what does not fit and counts it,
 * and a log that hears of a collector once when it fails and once when it is back. Runs on the fronts.
 */

import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** What became of a span, as the metric label `outcome`. */
export type SpanOutcome = 'exported' | 'failed' | 'dropped';

export interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  /** Waiting and on their way together. */
  readonly capacity: number;
  readonly batch: number;
  readonly delayMs: number;
  /** After this a batch counts as failed. */
  readonly exportDeadlineMs: number;
  readonly count: (outcome: SpanOutcome, spans: number) => void;
  readonly onFailure: (reason: string) => void;
  readonly onRecovery: () => void;
}

/** The code that exporters report for a batch that arrived. */
const success = 0;

export function createSpanQueue(options: SpanQueueOptions): SpanProcessor {
  const { exporter, capacity, batch, delayMs, exportDeadlineMs, count } = options;
  let held = 0;
  let isFailing = false;

  const settle = (spans: number, failure: string | undefined): void => {
    held -= spans;
    count(failure === undefined ? 'exported' : 'failed', spans);
    if (failure !== undefined && !isFailing) options.onFailure(failure);
    if (failure === undefined && isFailing) options.onRecovery();
    isFailing = failure !== undefined;
  };

  const watched: SpanExporter = {
    export(spans, report) {
      let isSettled = false;
      const once = (failure: string | undefined): void => {
        if (isSettled) return;
        isSettled = true;
        clearTimeout(deadline);
        settle(spans.length, failure);
      };
      // An answer that drips keeps a request open for longer than any of the exporter's own timers.
      const deadline = setTimeout(once, exportDeadlineMs, 'no answer in time');
      deadline.unref();
      exporter.export(spans, (result) => {
        once(result.code === success ? undefined : (result.error?.message ?? 'refused'));
        report(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
  const inner = new BatchSpanProcessor(watched, {
    maxQueueSize: capacity,
    maxExportBatchSize: batch,
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: exportDeadlineMs,
  });

  return {
    onStart: () => undefined,
    onEnd(span: ReadableSpan) {
      if (held >= capacity) {
        count('dropped', 1);
        return;
      }
      held++;
      inner.onEnd(span);
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Span, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { createSpanQueue } from '#src/tracing/spanQueue.js';
import { eventually } from '#test/support/bypassNode.js';

interface QueueUnderTest {
  readonly counts: Record<string, number>;
  readonly said: readonly string[];
  readonly end: (spans: number) => void;
  readonly provider: BasicTracerProvider;
}

function queueTo(exporter: SpanExporter, exportDeadlineMs = 60_000): QueueUnderTest {
  const counts: Record<string, number> = {};
  const said: string[] = [];
  const queue = createSpanQueue({
    exporter,
    capacity: 8,
    batch: 4,
    delayMs: 5,
    exportDeadlineMs,
    count: (outcome, spans) => {
      counts[outcome] = (counts[outcome] ?? 0) + spans;
    },
    onFailure: (reason) => said.push(reason),
    onRecovery: () => said.push('recovered'),
  });
  const provider = new BasicTracerProvider({ spanProcessors: [queue] });
  const tracer = provider.getTracer('test');
  return {
    counts,
    said,
    provider,
    end(spans) {
      for (let i = 0; i < spans; i++) (tracer.startSpan('s') as Span).end();
    },
  };
}

const settled = ({ exported = 0, failed = 0 }: Record<string, number>): number => exported + failed;
const untilSettled = ({ counts }: QueueUnderTest, spans: number): Promise<number> =>
  eventually(
    () => settled(counts),
    (sum) => sum >= spans,
  );

describe('the queue of spans', () => {
  it('holds so many and no more, what is on its way included, and has room again afterwards', async () => {
    const open: (() => void)[] = [];
    const under = queueTo({
      export: (_, report) => void open.push(() => report({ code: 0 })),
      shutdown: async () => undefined,
    });
    under.end(20);
    assert.deepEqual(under.counts, { dropped: 12 });
    const answering = setInterval(() => open.shift()?.(), 1);
    await untilSettled(under, 8);
    under.end(8);
    await untilSettled(under, 16);
    clearInterval(answering);
    assert.deepEqual(under.counts, { dropped: 12, exported: 16 });
  });

  it('gives up on an exporter that never answers, and takes spans again', async () => {
    const under = queueTo({ export: () => undefined, shutdown: async () => undefined }, 20);
    under.end(4);
    await untilSettled(under, 4);
    under.end(4);
    await untilSettled(under, 8);
    assert.deepEqual(under.counts, { failed: 8 });
    assert.deepEqual(under.said, ['no answer in time']);
  });

  it('says once that spans are not taken, and once that they are again', async () => {
    let isDown = true;
    const under = queueTo({
      export: (_, report) => report(isDown ? { code: 1, error: new Error('down') } : { code: 0 }),
      shutdown: async () => undefined,
    });
    for (const [round, down] of [true, true, false, false, true].entries()) {
      isDown = down;
      under.end(1);
      await untilSettled(under, round + 1);
    }
    assert.deepEqual(under.said, ['down', 'recovered', 'down']);
  });

  it('exports what waits when it is shut down', async () => {
    const under = queueTo({ export: (_, report) => report({ code: 0 }), shutdown: async () => undefined });
    under.end(3);
    await under.provider.shutdown();
    assert.deepEqual(under.counts, { exported: 3 });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { InferenceRecord } from '#src/lib/inferenceRecord.js';
import { RequestTrace, type TracedRequest } from '#src/tracing/requestTrace.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

class FakeRequest {
  head: TracedRequest['head'] = { method: 'POST', path: '/v1/chat/completions', headers: new Map() };
  id = 'id-1';
  startedAtMs = performance.now();
  phase = 'receive';
  endpoint = '/v1/chat/completions';
  caller: string | undefined;
  status = 0;
  errorCode: string | undefined;
  receivedBytes = 0;
  sentBytes = 0;
  inference: InferenceRecord | undefined;
  traceparent: string | undefined;
  onPhase: (() => void) | undefined;
  #onEnd: ((end: string) => void)[] = [];

  onEnd(listener: (end: string) => void): void {
    this.#onEnd.push(listener);
  }

  enter(phase: string): void {
    this.phase = phase;
    this.onPhase?.();
  }

  end(how: string): void {
    for (const listener of this.#onEnd) listener(how);
  }
}

function following(mayTraceStranger = true): { x: FakeRequest; exporter: InMemorySpanExporter } {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const x = new FakeRequest();
  new RequestTrace(x, {
    tracer: provider.getTracer('test'),
    scheme: 'http',
    port: 8080,
    mayTraceStranger: () => mayTraceStranger,
  });
  return { x, exporter };
}

const inference = (backend: string): Mutable<InferenceRecord> => ({
  model: 'm',
  backend,
  provider: 'vllm',
  attempts: 1,
  queuedMs: 12.4,
  usage: undefined,
});

describe('the trace of a request', () => {
  it('has a client span for each attempt, each with an id of its own for the backend', async () => {
    const { x, exporter } = following();
    x.enter('authenticate');
    x.enter('admit');
    x.inference = inference('a:1');
    x.enter('forward');
    const first = x.traceparent;
    x.inference.backend = 'b:2';
    x.enter('forward');
    const second = x.traceparent;
    x.status = 200;
    x.end('complete');
    x.inference.usage = { inputTokens: 7, outputTokens: 9, isEstimated: true };
    await Promise.resolve();

    const [retried, answered, server] = exporter.getFinishedSpans();
    assert.notEqual(first, second);
    assert.equal(first, `00-${retried!.spanContext().traceId}-${retried!.spanContext().spanId}-01`);
    assert.equal(second, `00-${answered!.spanContext().traceId}-${answered!.spanContext().spanId}-01`);
    assert.deepEqual(
      [retried, answered].map((span) => [
        span!.attributes['server.address'],
        span!.attributes['server.port'],
        span!.attributes['http.request.resend_count'],
        span!.attributes['error.type'],
      ]),
      [
        ['a', 1, undefined, 'retried'],
        ['b', 2, 1, undefined],
      ],
    );
    for (const span of [answered, server]) {
      assert.equal(span!.attributes['gen_ai.usage.input_tokens'], 7);
      assert.equal(span!.attributes['gen_ai.usage.output_tokens'], 9);
      assert.equal(span!.attributes['fxn.usage.estimated'], true);
    }
    assert.equal(server!.attributes['fxn.queue.wait_ms'], 12);
  });

  it('of a caller that is known but never admitted has its parent all the same', async () => {
    const { x, exporter } = following(false);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    x.head = { ...x.head, headers: new Map([['traceparent', `00-${traceId}-b7ad6b7169203331-01`]]) };
    x.caller = '0x01';
    x.end('complete');
    await Promise.resolve();
    assert.equal(exporter.getFinishedSpans()[0]?.spanContext().traceId, traceId);
  });

  it('of a stranger is not made when there are too many of them', async () => {
    const { x, exporter } = following(false);
    x.enter('authenticate');
    x.end('complete');
    await Promise.resolve();
    assert.deepEqual(exporter.getFinishedSpans(), []);
  });

  it('keeps odd methods and hosts out of names and attributes', async () => {
    const { x, exporter } = following();
    x.head = { method: 'BREW', path: '/x', headers: new Map([['host', 'a b:99999999']]) };
    x.endpoint = '*';
    x.end('complete');
    await Promise.resolve();
    const [span] = exporter.getFinishedSpans();
    assert.equal(span?.name, 'HTTP');
    const { attributes } = span!;
    assert.equal(attributes['http.request.method'], '_OTHER');
    assert.equal(attributes['http.request.method_original'], 'BREW');
    assert.equal(attributes['http.route'], undefined);
    assert.equal(attributes['server.address'], undefined);
    assert.equal(attributes['server.port'], 8080);
  });
});

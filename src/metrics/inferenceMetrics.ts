/**
 * What a front counts of inferences: tokens and times per model, under the names and with the boundaries of
 * OpenTelemetry's conventions for generative AI, so that existing dashboards read them. Series are looked up once
 * per route, backend kind and model; every label comes from the configuration or from this program. Runs on the
 * fronts.
 */
import type { InferenceRecord } from '../lib/inferenceRecord.js';
import { once, remembered } from './rememberedSeries.js';
import { type CounterSeries, SeriesCounter } from './seriesCounter.js';
import { type HistogramSeries, SeriesHistogram } from './seriesHistogram.js';
import type { MetricsRegistry } from './threadMetrics.js';

/** How one inference ended, as the record phase sees it. */
export interface EndedInference {
  /** The route's pattern. */
  readonly endpoint: string;
  readonly operation: string;
  readonly end: 'complete' | 'client_closed' | 'cut';
  /** What it failed of, from a closed set; empty when it did not. */
  readonly errorType: string;
  readonly durationS: number;
  /** From the head of the request to the first byte; `undefined` unless an event stream was sent. */
  readonly firstTokenS: number | undefined;
}

export interface InferenceMetrics {
  record(inference: InferenceRecord, ended: EndedInference): void;
}

const requestBucketsS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const firstTokenBucketsS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
const perTokenBucketsS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const tokenBuckets = [
  1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];

const inferenceLabels = ['gen_ai_operation_name', 'gen_ai_request_model', 'gen_ai_provider_name'] as const;

export function createInferenceMetrics(registry: MetricsRegistry): InferenceMetrics {
  const durations = registry.add(
    new SeriesHistogram({
      name: 'gen_ai_server_request_duration_seconds',
      help: 'From the head of an inference request to the end of its answer; error_type is a code of this node, a status that was passed on, or empty.',
      labelNames: [...inferenceLabels, 'error_type'],
      buckets: requestBucketsS,
    }),
  );
  const firstTokens = registry.add(
    new SeriesHistogram({
      name: 'gen_ai_server_time_to_first_token_seconds',
      help: 'From the head of a request to the first byte of its streamed answer.',
      labelNames: ['endpoint', ...inferenceLabels],
      buckets: firstTokenBucketsS,
    }),
  );
  const perToken = registry.add(
    new SeriesHistogram({
      name: 'gen_ai_server_time_per_output_token_seconds',
      help: 'Time per output token behind the first one, of streams that were answered in full.',
      labelNames: [...inferenceLabels],
      buckets: perTokenBucketsS,
    }),
  );
  const usage = registry.add(
    new SeriesHistogram({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of one inference by gen_ai_token_type (input, output), counted by the backend or estimated.',
      labelNames: [...inferenceLabels, 'gen_ai_token_type'],
      buckets: tokenBuckets,
    }),
  );
  const tokens = registry.add(
    new SeriesCounter({
      name: 'fxn_tokens_total',
      help: 'Tokens served by type (input, output), as the backend counted them (estimated="false") or this node estimated them.',
      labelNames: ['model', 'type', 'estimated'],
    }),
  );
  const streams = registry.add(
    new SeriesCounter({
      name: 'fxn_streams_total',
      help: 'Event streams that began, by how they ended: complete, cut by the backend, or client_closed.',
      labelNames: ['model', 'end'],
    }),
  );

  const seriesOf = (model: string, provider: string, { endpoint, operation }: EndedInference) => {
    const labels = {
      gen_ai_operation_name: operation,
      gen_ai_request_model: model,
      gen_ai_provider_name: provider,
    };
    const tokensOf = (type: 'input' | 'output') => ({
      usage: once(() => usage.seriesOf({ ...labels, gen_ai_token_type: type })),
      said: once(() => tokens.seriesOf({ model, type, estimated: 'false' })),
      estimated: once(() => tokens.seriesOf({ model, type, estimated: 'true' })),
    });
    return {
      endpoint,
      provider,
      durationOf: remembered((errorType: string) => durations.seriesOf({ ...labels, error_type: errorType })),
      firstToken: once(() => firstTokens.seriesOf({ endpoint, ...labels })),
      perToken: once(() => perToken.seriesOf(labels)),
      streamOf: remembered((end: string) => streams.seriesOf({ model, end })),
      input: tokensOf('input'),
      output: tokensOf('output'),
    };
  };
  type Series = ReturnType<typeof seriesOf>;
  // Few for each model, so comparing is cheaper than a key made of all three.
  const madeOf = remembered((_model: string): Series[] => []);
  const find = (model: string, provider: string, ended: EndedInference): Series => {
    const made = madeOf(model);
    for (const series of made) {
      if (series.endpoint === ended.endpoint && series.provider === provider) return series;
    }
    const series = seriesOf(model, provider, ended);
    made.push(series);
    return series;
  };

  return {
    record(inference, ended) {
      const { model, provider = '', usage: counted } = inference;
      const { operation, end, firstTokenS, durationS } = ended;
      const series = find(model, provider, ended);
      series.durationOf(ended.errorType).observe(durationS);
      if (firstTokenS !== undefined) {
        series.firstToken().observe(firstTokenS);
        series.streamOf(end).inc();
      }
      if (counted === undefined) return;
      const { inputTokens, outputTokens, isEstimated } = counted;
      countTokens(series.input, inputTokens, isEstimated);
      // Embeddings have none, and a histogram of zeros would say nothing.
      if (operation !== 'embeddings') countTokens(series.output, outputTokens, isEstimated);
      if (firstTokenS !== undefined && end === 'complete' && outputTokens > 1) {
        series.perToken().observe((durationS - firstTokenS) / (outputTokens - 1));
      }
    },
  };
}

interface TokenSeries {
  readonly usage: () => HistogramSeries;
  readonly said: () => CounterSeries;
  readonly estimated: () => CounterSeries;
}

function countTokens(series: TokenSeries, count: number, isEstimated: boolean): void {
  series.usage().observe(count);
  (isEstimated ? series.estimated() : series.said()).inc(count);
}

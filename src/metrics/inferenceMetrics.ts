/**
 * What a front counts of inferences: tokens and times per model, under the names and with the boundaries of
 * OpenTelemetry's conventions for generative AI, so that existing dashboards read them. Series are looked up once
 * per model, route and backend kind; every label comes from the configuration or from this program. Runs on the
 * fronts.
 */
import { Counter, Histogram } from 'prom-client';
import type { InferenceRecord } from '../lib/inferenceRecord.js';
import { remembered } from './rememberedSeries.js';
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
    new Histogram({
      name: 'gen_ai_server_request_duration_seconds',
      help: 'From the head of an inference request to the end of its answer.',
      labelNames: [...inferenceLabels, 'error_type'],
      buckets: requestBucketsS,
      registers: [],
    }),
  );
  const firstTokens = registry.add(
    new Histogram({
      name: 'gen_ai_server_time_to_first_token_seconds',
      help: 'From the head of a request to the first byte of its streamed answer.',
      labelNames: ['endpoint', ...inferenceLabels],
      buckets: firstTokenBucketsS,
      registers: [],
    }),
  );
  const perToken = registry.add(
    new Histogram({
      name: 'gen_ai_server_time_per_output_token_seconds',
      help: 'Time per output token behind the first one, of streams that were answered in full.',
      labelNames: [...inferenceLabels],
      buckets: perTokenBucketsS,
      registers: [],
    }),
  );
  const usage = registry.add(
    new Histogram({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of one inference, counted by the backend or estimated.',
      labelNames: [...inferenceLabels, 'gen_ai_token_type'],
      buckets: tokenBuckets,
      registers: [],
    }),
  );
  const tokens = registry.add(
    new Counter({
      name: 'fxn_tokens_total',
      help: 'Tokens served, by whether the backend counted them or this node estimated them.',
      labelNames: ['model', 'type', 'estimated'],
      registers: [],
    }),
  );
  const streams = registry.add(
    new Counter({
      name: 'fxn_streams_total',
      help: 'Event streams that began, by how they ended.',
      labelNames: ['model', 'end'],
      registers: [],
    }),
  );

  const seriesOf = (model: string, provider: string, { endpoint, operation }: EndedInference) => {
    const labels = {
      gen_ai_operation_name: operation,
      gen_ai_request_model: model,
      gen_ai_provider_name: provider,
    };
    const tokensOf = (type: 'input' | 'output') => {
      const observed = usage.labels({ ...labels, gen_ai_token_type: type });
      const said = tokens.labels(model, type, 'false');
      const estimated = tokens.labels(model, type, 'true');
      return (count: number, isEstimated: boolean): void => {
        observed.observe(count);
        (isEstimated ? estimated : said).inc(count);
      };
    };
    return {
      durationOf: remembered((errorType) => durations.labels({ ...labels, error_type: errorType })),
      firstToken: once(() => firstTokens.labels({ endpoint, ...labels })),
      perToken: once(() => perToken.labels(labels)),
      streamOf: remembered((end) => streams.labels(model, end)),
      input: once(() => tokensOf('input')),
      output: once(() => tokensOf('output')),
    };
  };
  const made = new Map<string, ReturnType<typeof seriesOf>>();

  return {
    record(inference, ended) {
      const { model, provider = '', usage: counted } = inference;
      const { operation, endpoint, end, firstTokenS, durationS } = ended;
      const key = `${endpoint} ${provider} ${model}`;
      let series = made.get(key);
      if (series === undefined) {
        series = seriesOf(model, provider, ended);
        made.set(key, series);
      }
      series.durationOf(ended.errorType).observe(durationS);
      if (firstTokenS !== undefined) {
        series.firstToken().observe(firstTokenS);
        series.streamOf(end).inc();
      }
      if (counted === undefined) return;
      const { inputTokens, outputTokens, isEstimated } = counted;
      series.input()(inputTokens, isEstimated);
      // Embeddings have none, and a histogram of zeros would say nothing.
      if (operation !== 'embeddings') series.output()(outputTokens, isEstimated);
      if (firstTokenS !== undefined && end === 'complete' && outputTokens > 1) {
        series.perToken().observe((durationS - firstTokenS) / (outputTokens - 1));
      }
    },
  };
}

function once<Series>(make: () => Series): () => Series {
  let made: Series | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { InferenceRecord, TokenUsage } from '#src/lib/inferenceRecord.js';
import { createInferenceMetrics, type EndedInference } from '#src/metrics/inferenceMetrics.js';
import { MetricsRegistry } from '#src/metrics/threadMetrics.js';

function createRecorder() {
  const registry = new MetricsRegistry();
  const metrics = createInferenceMetrics(registry);
  return {
    record(usage: TokenUsage | undefined, ended: Partial<EndedInference> = {}, provider = 'vllm') {
      const inference: InferenceRecord = {
        model: 'm',
        backend: 'b:1',
        provider,
        attempts: 1,
        queuedMs: 0,
        usage,
      };
      metrics.record(inference, {
        endpoint: '/v1/chat/completions',
        operation: 'chat',
        end: 'complete',
        errorType: '',
        durationS: 1,
        firstTokenS: undefined,
        ...ended,
      });
    },
    /** The lines of metrics that begin so, without comments and buckets. */
    async lines(...names: string[]): Promise<string[]> {
      const text = await registry.metrics();
      return text
        .split('\n')
        .filter((line) => names.some((name) => line.startsWith(name)) && !line.includes('_bucket{'));
    },
  };
}

const usage = { inputTokens: 3, outputTokens: 5, isEstimated: false };
const completions = { endpoint: '/v1/completions', operation: 'text_completion' };

describe('what is counted of inferences', () => {
  it('nothing stands at zero for what did not happen', async () => {
    const { record, lines } = createRecorder();
    record(undefined);
    assert.deepEqual(await lines('gen_ai', 'fxn_'), [
      'gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_provider_name="vllm",error_type=""} 1',
      'gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_provider_name="vllm",error_type=""} 1',
    ]);
    record(usage);
    assert.deepEqual(await lines('fxn_', 'gen_ai_server_time'), [
      'fxn_tokens_total{model="m",type="input",estimated="false"} 3',
      'fxn_tokens_total{model="m",type="output",estimated="false"} 5',
    ]);
  });

  it('routes and backends of one model count its tokens and streams together', async () => {
    const { record, lines } = createRecorder();
    record(usage, { firstTokenS: 0.5 });
    record(usage, { ...completions, firstTokenS: 0.5 });
    record({ ...usage, isEstimated: true }, { ...completions, end: 'cut', firstTokenS: 0.5 }, 'ollama');
    assert.deepEqual(await lines('fxn_'), [
      'fxn_tokens_total{model="m",type="input",estimated="false"} 6',
      'fxn_tokens_total{model="m",type="output",estimated="false"} 10',
      'fxn_tokens_total{model="m",type="input",estimated="true"} 3',
      'fxn_tokens_total{model="m",type="output",estimated="true"} 5',
      'fxn_streams_total{model="m",end="complete"} 2',
      'fxn_streams_total{model="m",end="cut"} 1',
    ]);
  });

  it('routes and backends of one model have times of their own', async () => {
    const { record, lines } = createRecorder();
    record(usage);
    record(usage, completions);
    record(usage, completions, 'ollama');
    record(usage, { ...completions, errorType: '500', durationS: 2 }, 'ollama');
    assert.deepEqual(await lines('gen_ai_server_request_duration_seconds_sum'), [
      'gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_provider_name="vllm",error_type=""} 1',
      'gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name="text_completion",gen_ai_request_model="m",gen_ai_provider_name="vllm",error_type=""} 1',
      'gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name="text_completion",gen_ai_request_model="m",gen_ai_provider_name="ollama",error_type=""} 1',
      'gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name="text_completion",gen_ai_request_model="m",gen_ai_provider_name="ollama",error_type="500"} 2',
    ]);
  });
});

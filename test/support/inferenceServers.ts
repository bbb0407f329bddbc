/**
 * What each kind of inference server answers when asked about itself, as fixtures; the source stands beside each.
 * Runs in tests.
 */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export type Answers = Readonly<Record<string, { readonly status?: number; readonly body: unknown }>>;

const list = (...data: readonly object[]): { readonly body: unknown } => ({ body: { object: 'list', data } });

/** `ModelCard` in vllm/entrypoints/openai/protocol.py; `/health` answers 200 without a body. */
export const vllm: Answers = {
  '/v1/models': list({
    id: 'm',
    object: 'model',
    created: 1_735_000_000,
    owned_by: 'vllm',
    root: '/models/m',
    parent: null,
    max_model_len: 4096,
  }),
  '/health': { body: '' },
  '/version': { body: { version: '0.8.5' } },
};

/** `ModelCard` in sglang/srt/entrypoints/openai/protocol.py; `/health` generates a token there. */
export const sglang: Answers = {
  '/v1/models': list({ id: 'm', object: 'model', created: 1_735_000_000, owned_by: 'sglang', root: 'm' }),
  '/health': { body: '' },
  '/get_model_info': { body: { model_path: 'm', tokenizer_path: 'm', is_generation: true } },
};

/** ollama/openai `ToListCompletion` and ollama/api `ListResponse`. */
export const ollama: Answers = {
  '/v1/models': list({ id: 'm:latest', object: 'model', created: 1_731_878_400, owned_by: 'library' }),
  '/api/tags': { body: { models: [{ name: 'm:latest', model: 'm:latest', size: 1 }] } },
  '/api/version': { body: { version: '0.20.5' } },
  '/': { body: 'Ollama is running' },
};

/** llama.cpp tools/server: `handle_models`, `handle_props`. */
export const llamacpp: Answers = {
  '/v1/models': list({
    id: 'gemma.gguf',
    object: 'model',
    created: 1_790_000_000,
    owned_by: 'llamacpp',
    meta: { vocab_type: 1 },
  }),
  '/health': { body: { status: 'ok' } },
  '/props': { body: { default_generation_settings: {}, total_slots: 1, model_path: 'gemma.gguf' } },
};

/** llama.cpp `middleware_server_state`: the model list is exempt while the model loads. */
export const llamacppLoading: Answers = {
  ...llamacpp,
  '/health': {
    status: 503,
    body: { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } },
  },
};

/** text-generation-inference router/src/server.rs: `openai_get_model_info`, `get_model_info`. */
export const tgi: Answers = {
  '/v1/models': list({ id: 'org/m', object: 'model', created: 0, owned_by: 'org/m' }),
  '/health': { body: '' },
  '/info': { body: { model_id: 'org/m', max_concurrent_requests: 128, version: '3.0.1', sha: 'a9c4d2f' } },
};

/** OpenAI's own API and most routers in front of several providers. */
export const hosted: Answers = {
  '/v1/models': list(
    { id: 'm', object: 'model', created: 1_735_000_000, owned_by: 'openai' },
    { id: 'other', object: 'model', created: 1_735_000_000, owned_by: 'system' },
  ),
};

export interface FakeServer {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: string[];
  answers: Answers;
  listener: RequestListener | undefined;
}

export async function startFakeServer(t: TestContext, answers: Answers): Promise<FakeServer> {
  const server = createServer((request: IncomingMessage, response) => {
    fake.asked.push(request.url ?? '');
    if (fake.listener !== undefined) {
      fake.listener(request, response);
      return;
    }
    const { status = 200, body } = fake.answers[request.url ?? ''] ?? {
      status: 404,
      body: { detail: 'Not Found' },
    };
    const isText = typeof body === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
    response.end(isText ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const fake: FakeServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answers,
    listener: undefined,
  };
  return fake;
}

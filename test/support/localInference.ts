/**
 * An inference server as operators run one at home: it answers what Ollama or llama.cpp answers when asked about
 * itself, and completes chats, streamed or whole, in OpenAI's form. Runs in tests.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Answers } from './inferenceServers.js';
import { json } from './testBackend.js';

export interface LocalInference {
  readonly url: string;
  readonly port: number;
  /** Bodies of the completions that were asked for. */
  readonly completions: readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

export interface LocalInferenceOptions {
  readonly answers: Answers;
  /** Tried in this order; any free one unless told. */
  readonly ports?: readonly number[];
  readonly words?: readonly string[];
}

export async function startLocalInference(
  t: TestContext,
  { answers, ports = [0], words = ['Hello', ' from', ' home'] }: LocalInferenceOptions,
): Promise<LocalInference> {
  const completions: Readonly<Record<string, unknown>>[] = [];

  const complete = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = JSON.parse(Buffer.concat(pieces).toString('utf8')) as Record<string, unknown>;
    completions.push(body);
    const { model } = body;
    const most = typeof body['max_tokens'] === 'number' ? body['max_tokens'] : words.length;
    const said = words.slice(0, most);
    const usage = {
      prompt_tokens: 3,
      completion_tokens: said.length,
      total_tokens: 3 + said.length,
    };
    const common = { id: 'chatcmpl-1', created: 1_790_000_000, model };
    if (body['stream'] !== true) {
      const message = { role: 'assistant', content: said.join('') };
      const choices = [{ index: 0, message, finish_reason: 'stop' }];
      json(response, 200, { ...common, object: 'chat.completion', choices, usage });
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const frame = (value: object): void =>
      void response.write(
        `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', ...value })}\n\n`,
      );
    for (const content of said) {
      frame({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    const options = body['stream_options'] as { include_usage?: boolean } | undefined;
    if (options?.include_usage === true) frame({ choices: [], usage });
    response.end('data: [DONE]\n\n');
  };

  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url === '/v1/chat/completions') {
      complete(request, response).catch(() => response.destroy());
      return;
    }
    const { status = 200, body } = answers[request.url ?? ''] ?? {
      status: 404,
      body: { error: 'not found' },
    };
    if (typeof body === 'string') response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
    else json(response, status, body);
  });
  await listen(server, ports);
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  t.after(() => (server.listening ? close() : undefined));
  return { url: `http://127.0.0.1:${port}`, port, completions, close };
}

async function listen(server: ReturnType<typeof createServer>, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const isListening = await new Promise<boolean>((resolve) => {
      const onError = (): void => resolve(false);
      server.once('error', onError);
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
        server.off('error', onError);
        resolve(true);
      });
    });
    if (isListening) return;
  }
  throw new Error(`none of the ports ${ports.join(', ')} is free`);
}

/**
 * An OpenAI-compatible inference server without a model: answers any prompt with a text of its own, a token at
 * a time at a steady pace, over real HTTP. Runs in the demo, tests and benches.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DemoBackendOptions {
  /** Any free port unless told. */
  readonly port?: number;
  /** Time between two tokens. */
  readonly tokenIntervalMs?: number;
  /** What the model is called. */
  readonly model?: string;
}

export interface DemoBackend {
  /** Without `/v1`. */
  readonly url: string;
  readonly model: string;
  close(): Promise<void>;
}

export const demoModel = 'demo/echo';

/** What every answer says, after a word about the question. */
const answerText =
  'This text comes from a small demo backend, one token at a time. Your request was signed by a gateway ' +
  'that is registered on a chain, checked by a provider node, and passed on to this backend; now the ' +
  'answer streams back the same way. Put your own inference server behind the node and these words ' +
  'become those of your model.';

const maxBodyBytes = 1_024 * 1_024;
const maxEchoCharacters = 80;
const embeddingSize = 8;

export async function startDemoBackend(options: DemoBackendOptions = {}): Promise<DemoBackend> {
  const { port = 0, tokenIntervalMs = 25, model = demoModel } = options;
  const server = createServer((request, response) => {
    answer(request, response, { tokenIntervalMs, model }).catch(() => response.destroy());
  });
  // Longer than the node keeps idle connections, so that it never meets one that is just being closed.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    model,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Served {
  readonly tokenIntervalMs: number;
  readonly model: string;
}

type Fields = Readonly<Record<string, unknown>>;

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  const route = `${request.method} ${request.url?.split('?')[0]}`;
  if (route === 'GET /v1/models') {
    const entry = { id: served.model, object: 'model', created: 0, owned_by: 'demo' };
    sendJson(response, 200, { object: 'list', data: [entry] });
    return;
  }
  const body = await readObject(request);
  if (body === undefined) {
    sendJson(response, 400, { error: { message: 'The body is not a JSON object.', code: 'invalid_json' } });
    return;
  }
  switch (route) {
    case 'POST /v1/chat/completions':
      return complete(response, chatShape, body, answerTo(lastMessage(body)), served);
    case 'POST /v1/completions':
      return complete(response, textShape, body, answerTo(body['prompt']), served);
    case 'POST /v1/embeddings':
      return sendJson(response, 200, embeddings(body, served));
    default:
      sendJson(response, 404, { error: { message: 'There is no such route.', code: 'route_not_found' } });
  }
}

/** How one kind of completion wraps a piece of text, and the whole. */
interface Shape {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  whole(text: string): Fields;
  piece(text: string): Fields;
}

const chatShape: Shape = {
  idPrefix: 'chatcmpl',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  whole: (content) => ({ message: { role: 'assistant', content } }),
  piece: (content) => ({ delta: { content } }),
};

const textShape: Shape = {
  idPrefix: 'cmpl',
  object: 'text_completion',
  chunkObject: 'text_completion',
  whole: (text) => ({ text }),
  piece: (text) => ({ text }),
};

let answered = 0;

async function complete(
  response: ServerResponse,
  shape: Shape,
  body: Fields,
  text: string,
  { tokenIntervalMs, model }: Served,
): Promise<void> {
  answered++;
  const id = `${shape.idPrefix}-demo-${answered}`;
  const head = { id, created: Math.floor(Date.now() / 1_000), model };
  const all = tokensOf(text);
  const maxTokens = Number(body['max_completion_tokens'] ?? body['max_tokens'] ?? all.length);
  const tokens = all.slice(0, Math.max(1, maxTokens));
  const finishReason = tokens.length < all.length ? 'length' : 'stop';
  const usage = { prompt_tokens: 8, completion_tokens: tokens.length, total_tokens: 8 + tokens.length };

  if (body['stream'] !== true) {
    await sleep(tokenIntervalMs * tokens.length);
    const choice = { index: 0, ...shape.whole(tokens.join('')), finish_reason: finishReason };
    sendJson(response, 200, { ...head, object: shape.object, choices: [choice], usage });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const sendChunk = (fields: Fields): void => {
    response.write(`data: ${JSON.stringify({ ...head, object: shape.chunkObject, ...fields })}\n\n`);
  };
  for (const token of tokens) {
    await sleep(tokenIntervalMs);
    // The node hangs up when its caller does; a real server stops computing then.
    if (response.destroyed) return;
    sendChunk({ choices: [{ index: 0, ...shape.piece(token), finish_reason: null }] });
  }
  sendChunk({ choices: [{ index: 0, ...shape.piece(''), finish_reason: finishReason }] });
  if ((body['stream_options'] as Fields | undefined)?.['include_usage'] === true) {
    sendChunk({ choices: [], usage });
  }
  response.end('data: [DONE]\n\n');
}

/** Words with the space before them: near enough to what tokenizers make. */
const tokensOf = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

function answerTo(question: unknown): string {
  const words = typeof question === 'string' ? question.replaceAll(/\s+/g, ' ').trim() : '';
  if (words === '') return answerText;
  const echo = words.length > maxEchoCharacters ? `${words.slice(0, maxEchoCharacters)}…` : words;
  return `You asked: "${echo}" ${answerText}`;
}

function lastMessage(body: Fields): unknown {
  const messages = Array.isArray(body['messages']) ? (body['messages'] as Fields[]) : [];
  return messages.at(-1)?.['content'];
}

function embeddings(body: Fields, { model }: Served): Fields {
  const inputs = Array.isArray(body['input']) ? body['input'] : [body['input']];
  return {
    object: 'list',
    model,
    data: inputs.map((input, index) => ({ object: 'embedding', index, embedding: embed(String(input)) })),
    usage: { prompt_tokens: inputs.length, total_tokens: inputs.length },
  };
}

/** The same text always gives the same numbers; they mean nothing. */
function embed(text: string): number[] {
  const vector = new Array<number>(embeddingSize).fill(0);
  for (const [at, character] of Array.from(text).entries()) {
    vector[at % embeddingSize]! += (character.codePointAt(0) ?? 0) / 1_000;
  }
  return vector;
}

async function readObject(request: IncomingMessage): Promise<Fields | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += (piece as Buffer).length;
    if (bytes > maxBodyBytes) return undefined;
    pieces.push(piece as Buffer);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch {
    // Not JSON: the caller is told.
    return undefined;
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

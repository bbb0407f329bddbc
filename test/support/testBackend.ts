/** An inference server under the test's control: real HTTP, every request remembered, answers given by the test. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type BackendHandler = (request: ReceivedRequest, response: ServerResponse) => void | Promise<void>;

export interface TestBackend {
  readonly url: string;
  readonly port: number;
  /** Requests other than health checks, in order of arrival. */
  readonly requests: readonly ReceivedRequest[];
  /** Sockets open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Requests that were aborted by the node. */
  readonly aborted: () => number;
  handler: BackendHandler;
  close(): Promise<void>;
}

export async function startTestBackend(handler: BackendHandler, port = 0): Promise<TestBackend> {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  let aborted = 0;

  const receive = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of message) pieces.push(piece as Buffer);
    const request = {
      method: message.method ?? '',
      url: message.url ?? '',
      headers: message.headers,
      body: Buffer.concat(pieces).toString('utf8'),
    };
    if (request.method === 'GET' && request.url === '/v1/models') {
      json(response, 200, { object: 'list', data: [] });
      return;
    }
    // Nothing that the node forwards lies outside /v1/: it asks what kind of server this is.
    if (request.method === 'GET' && !request.url.includes('/v1/')) {
      json(response, 404, {});
      return;
    }
    requests.push(request);
    response.on('close', () => {
      if (!response.writableFinished) aborted++;
    });
    await backend.handler(request, response);
  };
  const server = createServer((message, response) => {
    receive(message, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;

  const backend: TestBackend = {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    requests,
    sockets,
    aborted: () => aborted,
    handler,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return backend;
}

export function json(response: ServerResponse, status: number, value: unknown, headers = {}): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** One chat completion chunk as a frame. */
export const chatFrame = (model: string, content: string): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model,
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  })}\n\n`;

export const doneFrame = 'data: [DONE]\n\n';

/** A whole chat completion. */
export const chatCompletion = (model: string, content: string): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model,
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

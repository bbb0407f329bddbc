/** An operator's webhook: a real HTTP server that keeps what is posted to it, and can be away or slow. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';

export interface ReceivedPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface WebhookReceiver {
  readonly port: number;
  readonly posts: readonly ReceivedPost[];
  /** Answers a post; 200 unless set. */
  answer: (response: ServerResponse, post: ReceivedPost) => void;
  /** Closes the port; `open` takes the same one again. */
  stop(): Promise<void>;
  open(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const posts: ReceivedPost[] = [];
  let port = 0;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString('utf8')) as ReceivedPost['body'];
      const post = { path: request.url ?? '', headers: request.headers, body };
      posts.push(post);
      receiver.answer(response, post);
    });
  });
  const receiver: WebhookReceiver = {
    get port() {
      return port;
    },
    posts,
    answer: (response) => void response.writeHead(200).end('ok'),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    open: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          const address = server.address();
          if (typeof address === 'object' && address !== null) port = address.port;
          resolve();
        });
      }),
  };
  await receiver.open();
  return receiver;
}

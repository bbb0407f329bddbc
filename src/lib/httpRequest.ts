/**
 * One HTTP request through Node's own client: for threads that ask something now and then, and would load the
 * built-in `fetch`, a tenth of a node's start, for nothing else. Redirects are not followed. Runs in main, the
 * registry thread and the command line.
 */
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestPlain,
} from 'node:http';
import type { Readable } from 'node:stream';

export interface HttpRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string;
  /** Calls the request off, the body of its answer included. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. To be read to its end or destroyed: it holds the connection. */
  readonly body: Readable;
}

/** What `fetch` sends, and some hosted endpoints refuse to do without. */
const defaultHeaders = { accept: '*/*', 'accept-encoding': 'gzip, deflate', 'user-agent': 'node' };

/** Rejects with the error of the socket, or the signal's. */
export async function requestHttp(options: HttpRequest): Promise<HttpAnswer> {
  const { url } = options;
  // TLS is loaded where it is used.
  const send = url.protocol === 'https:' ? (await import('node:https')).request : requestPlain;
  const response = await exchange(send, options, false);
  const status = response.statusCode ?? 0;
  return { status, headers: response.headers, body: await decompressed(response) };
}

function exchange(
  send: typeof requestPlain,
  options: HttpRequest,
  isRepeated: boolean,
): Promise<IncomingMessage> {
  const { url, method, headers, body, signal } = options;
  return new Promise((resolve, reject) => {
    const request = send(url, { method, signal, headers: { ...defaultHeaders, ...headers } }, resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed an idle connection just when it was used again; it has seen nothing of this request.
      const isStale = request.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted;
      if (isStale && !isRepeated) resolve(exchange(send, options, true));
      else reject(error);
    });
    request.end(body);
  });
}

async function decompressed(response: IncomingMessage): Promise<Readable> {
  const coding = response.headers['content-encoding']?.trim().toLowerCase();
  if (coding !== 'gzip' && coding !== 'x-gzip' && coding !== 'deflate') return response;
  const { createUnzip } = await import('node:zlib');
  const { pipeline } = await import('node:stream');
  // A failure of either ends the other, and whoever reads hears of it.
  return pipeline(response, createUnzip(), () => undefined);
}

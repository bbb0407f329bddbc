/**
 * A plain HTTP client that tells how an answer ended, and can leave in the middle of one. Every request has a
 * connection of its own.
 */
import { EventEmitter, once } from 'node:events';
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

export interface SendOptions {
  /** POST with a body, GET without, unless told. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | Buffer | object;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** False when the connection broke before the framing said that the body is over. */
  readonly isWhole: boolean;
}

/** An answer whose head has come. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All of the body so far. */
  readonly received: () => Buffer;
  /** Resolves once the body so far contains the text; rejects when it ends before. */
  readUntil(text: string): Promise<void>;
  /** The whole of it, however it ends. */
  end(): Promise<Answer>;
  leave(how: 'fin' | 'rst'): void;
  pause(): void;
  resume(): void;
}

/** A request that may not have been answered yet. */
export interface OpenRequest {
  readonly request: ClientRequest;
  readonly answer: Promise<OpenAnswer>;
  leave(how: 'fin' | 'rst'): void;
}

export function begin(url: string, options: SendOptions = {}): OpenRequest {
  const { body, headers = {} } = options;
  const bytes =
    body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const outgoing = request(url, {
    method: options.method ?? (bytes === undefined ? 'GET' : 'POST'),
    agent: false,
    headers: {
      ...(bytes === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }),
      ...headers,
    },
  });
  const leave = (how: 'fin' | 'rst'): void => {
    if (how === 'rst') outgoing.socket?.resetAndDestroy();
    else outgoing.destroy();
  };
  const answer = new Promise<OpenAnswer>((resolve, reject) => {
    outgoing.once('response', (response) => resolve(follow(response, leave)));
    outgoing.once('error', reject);
  });
  // Who leaves before the answer does not wait for it.
  answer.catch(() => undefined);
  outgoing.end(bytes);
  return { request: outgoing, answer, leave };
}

export const open = (url: string, options?: SendOptions): Promise<OpenAnswer> => begin(url, options).answer;

export async function send(url: string, options?: SendOptions): Promise<Answer> {
  return (await open(url, options)).end();
}

function follow(response: IncomingMessage, leave: OpenAnswer['leave']): OpenAnswer {
  const pieces: Buffer[] = [];
  // Not the response itself: `once` rejects on its error, which `complete` tells as well.
  const progress = new EventEmitter();
  let isOver = false;
  response.on('data', (piece: Buffer) => {
    pieces.push(piece);
    progress.emit('made');
  });
  response.on('error', () => undefined);
  response.on('close', () => {
    isOver = true;
    progress.emit('made');
  });
  const received = (): Buffer => Buffer.concat(pieces);
  const status = response.statusCode ?? 0;
  const { headers } = response;
  return {
    status,
    headers,
    received,
    async readUntil(text) {
      while (!received().includes(text)) {
        if (isOver) throw new Error(`the answer ended without ${JSON.stringify(text)}: ${received()}`);
        await once(progress, 'made');
      }
    },
    async end() {
      while (!isOver) await once(progress, 'made');
      const body = received();
      return { status, headers, body, text: body.toString('utf8'), isWhole: response.complete };
    },
    leave,
    pause: () => response.pause(),
    resume: () => response.resume(),
  };
}

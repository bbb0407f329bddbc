/**
 * A connection held by hand: bytes go out when the test says so, answers come back one by one. For requests whose
 * head and body travel apart, and for bytes that no HTTP client would send.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** `error.code` of a JSON body. */
  readonly code: string | undefined;
}

export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** The next answer with an announced length; rejects when the connection ends before it is whole. */
  answer(): Promise<RawResponse>;
  /** Everything until the server closes, as it came. */
  untilClosed(): Promise<string>;
  /** What came and was not taken by `answer`. */
  readonly unread: () => string;
  destroy(): void;
}

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** A head in HTTP/1.1; a `host` is added, nothing else. */
export function requestHead(method: string, path: string, headers: HeaderPairs = []): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nhost: node\r\n${lines.join('')}\r\n`;
}

/** One chunk of a chunked body. */
export const chunkOf = (bytes: string | Uint8Array): Buffer => {
  const data = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
};
export const lastChunk = '0\r\n\r\n';

/** `localAddress` makes the connection come from another loopback address. */
export async function openRaw(port: number, localAddress = '127.0.0.1'): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  let received = Buffer.alloc(0);
  let isClosed = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    wake();
  });
  // A reset is an end like any other here: the tests look at what came before it.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
    wake();
  });
  await once(socket, 'connect');

  const takeAnswer = (): RawResponse | undefined => {
    const headEnd = received.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const [statusLine = '', ...lines] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const end = headEnd + 4 + Number(headers.get('content-length') ?? 0);
    if (received.length < end) return undefined;
    const body = received.subarray(headEnd + 4, end).toString('utf8');
    received = received.subarray(end);
    return { status: Number(statusLine.split(' ')[1]), headers, body, code: errorCode(body) };
  };

  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    answer: () =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const answer = takeAnswer();
          if (answer === undefined && !isClosed) return;
          waiting.delete(look);
          if (answer !== undefined) resolve(answer);
          else reject(new Error(`the connection ended after ${JSON.stringify(received.toString('latin1'))}`));
        };
        waiting.add(look);
        look();
      }),
    untilClosed: () =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isClosed) return;
          waiting.delete(look);
          resolve(received.toString('latin1'));
        };
        waiting.add(look);
        look();
      }),
    unread: () => received.toString('latin1'),
    destroy: () => socket.destroy(),
  };
}

function errorCode(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { error?: { code?: string } }).error?.code;
  } catch {
    // Not every answer is JSON.
    return undefined;
  }
}

/** The answers to copies of one request that are all under way at once, each over a connection that was open before. */
export async function sendAtOnce(port: number, request: string, copies: number): Promise<RawResponse[]> {
  const connections = await Promise.all(Array.from({ length: copies }, () => openRaw(port)));
  for (const raw of connections) raw.send(request);
  const answers = await Promise.all(connections.map((raw) => raw.answer()));
  for (const raw of connections) raw.destroy();
  return answers;
}

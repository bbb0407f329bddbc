/** An inference server by hand: reads requests, and the test writes the bytes of the answer to the socket. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface RawRequest {
  /** Request line and headers as they came. */
  readonly head: string;
  readonly body: Buffer;
  readonly socket: Socket;
  /** Which request of its connection it is, from 1. */
  readonly turn: number;
}

export interface RawBackend {
  readonly url: string;
  readonly port: number;
  /** Requests other than health checks. */
  readonly requests: readonly RawRequest[];
  /** Sockets open now. */
  readonly sockets: ReadonlySet<Socket>;
  answer: (request: RawRequest) => void;
  close(): Promise<void>;
}

const emptyList = '{"object":"list","data":[]}';
const healthy = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${emptyList.length}\r\nConnection: close\r\n\r\n${emptyList}`;

export async function startRawBackend(answer: RawBackend['answer']): Promise<RawBackend> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();

  const receive = (request: RawRequest): void => {
    if (request.head.startsWith('GET /v1/models ')) {
      request.socket.end(healthy);
      return;
    }
    // Nothing that the node forwards lies outside /v1/: it asks what kind of server this is.
    if (/^GET (?!\S*\/v1\/)/.test(request.head)) {
      request.socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    requests.push(request);
    backend.answer(request);
  };

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A node that aborts resets the connection.
    socket.on('error', () => undefined);
    let unread = Buffer.alloc(0);
    let turn = 0;
    socket.on('data', (data) => {
      unread = Buffer.concat([unread, data]);
      for (;;) {
        const end = unread.indexOf('\r\n\r\n');
        if (end === -1) return;
        const head = unread.subarray(0, end).toString('latin1');
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        const from = end + 4;
        if (unread.length < from + length) return;
        const body = Buffer.from(unread.subarray(from, from + length));
        unread = unread.subarray(from + length);
        turn++;
        receive({ head, body, socket, turn });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const backend: RawBackend = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    sockets,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return backend;
}

/** One chunk of a chunked body. */
export const chunk = (bytes: string | Buffer): Buffer => {
  const data = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
};
export const lastChunk = '0\r\n\r\n';
export const chunkedHead = (contentType: string, status = '200 OK', more = ''): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: ${contentType}\r\n${more}Transfer-Encoding: chunked\r\n\r\n`;
export const lengthHead = (contentType: string, length: number, more = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\n${more}Content-Length: ${length}\r\n\r\n`;
export const closeHead = (contentType: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\nConnection: close\r\n\r\n`;
export const eventStream = 'text/event-stream';
export const jsonType = 'application/json';

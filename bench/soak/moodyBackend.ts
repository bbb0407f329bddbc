/**
 * An inference server of the soak: does one of many things at random with each request, right or wrong, and remembers
 * which, so that the client can tell what its answer should have been. Runs in the soak's own process.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Right: the whole answer goes out, framed in one of the ways there are. */
const rightMoods = ['stream', 'json', 'json_chunked', 'json_close', 'large'] as const;
const wrongMoods = [
  /** Closes before a byte, so soon that the request may have crossed the close on its way. */
  'reset_early',
  /** Closes before a byte, so late that the request must have arrived: nobody may send it again. */
  'reset_late',
  /** The connection breaks in the middle of an answer. */
  'cut_stream',
  'end_stream',
  'cut_json',
  'cut_close',
  /** Silence. */
  'hang_head',
  'hang_stream',
  'garbage',
  'status_429',
  'status_500',
  'status_503',
  'redirect',
] as const;
export type Mood = (typeof rightMoods)[number] | (typeof wrongMoods)[number];

/** What one backend did with one request. */
export interface Deed {
  readonly mood: Mood;
  /** What the backend means to answer, with the caller's name of the model in it. */
  readonly intended: Buffer;
  /** Bodies of the soak are told apart by it; `undefined` in one that no client of the soak made. */
  readonly id: string | undefined;
  /** The backend went away while it was at it. */
  isInterrupted: boolean;
}

export interface MoodyBackendOptions {
  /** How the backend calls the model. */
  readonly model: string;
  /** Idle connections are closed after so long. */
  readonly idleMs: number;
  readonly random: () => number;
  readonly onDeed: (deed: Deed) => void;
}

export interface MoodyBackend {
  readonly url: string;
  readonly sockets: ReadonlySet<Socket>;
  /** From now on nothing goes wrong. */
  calm(): void;
  /** Nobody listens for a while. */
  goAway(forMs: number): void;
  close(): Promise<void>;
}

export const callersModel = 'm';
const wrongShare = 0.25;
const eventStream = 'text/event-stream';
const jsonType = 'application/json';

export async function startMoodyBackend(options: MoodyBackendOptions): Promise<MoodyBackend> {
  const { model, idleMs, random, onDeed } = options;
  const sockets = new Set<Socket>();
  const idleTimers = new Map<Socket, NodeJS.Timeout>();
  const atWork = new Map<Socket, Deed>();
  let isCalm = false;
  let isClosed = false;

  const receive = (head: string, body: string, socket: Socket): void => {
    const keep = (): void => {
      atWork.delete(socket);
      idleTimers.set(
        socket,
        setTimeout(() => {
          // What comes now is not read any more, as by other servers.
          socket.removeAllListeners('data');
          socket.resume();
          socket.end();
        }, idleMs),
      );
    };
    if (head.startsWith('GET ')) {
      socket.write(counted('200 OK', '{"object":"list","data":[]}'));
      keep();
      return;
    }
    const { id, stream } = parse(body);
    const mood = choose(stream);
    const intended = answerTo(id ?? '', mood, callersModel);
    const deed: Deed = { mood, intended, id, isInterrupted: false };
    atWork.set(socket, deed);
    onDeed(deed);
    act(mood, socket, answerTo(id ?? '', mood, model), keep);
  };

  const choose = (isStream: boolean): Mood => {
    if (!isCalm && random() < wrongShare) return pick(wrongMoods, random);
    if (isStream) return 'stream';
    return isCalm ? 'json' : pick(rightMoods.slice(1), random);
  };

  const act = (mood: Mood, socket: Socket, bytes: Buffer, keep: () => void): void => {
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    const later = (ms: number, step: () => void): void => void setTimeout(step, ms);
    const chunkedHead = `HTTP/1.1 200 OK\r\nContent-Type: ${mood.includes('stream') ? eventStream : jsonType}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    switch (mood) {
      case 'stream':
      case 'json_chunked':
        later(random() * 50, () => {
          socket.write(chunkedHead);
          dribble(socket, bytes, () => {
            socket.write('0\r\n\r\n');
            keep();
          });
        });
        return;
      case 'json':
      case 'large':
        later(random() * 50, () => {
          socket.write(
            `HTTP/1.1 200 OK\r\nContent-Type: ${jsonType}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
          );
          socket.write(bytes, keep);
        });
        return;
      case 'json_close':
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${jsonType}\r\nConnection: close\r\n\r\n`);
        later(random() * 50, () => socket.end(bytes));
        return;
      case 'reset_early':
        later(random() * 30, () => socket.resetAndDestroy());
        return;
      case 'reset_late':
        later(600, () => socket.resetAndDestroy());
        return;
      case 'cut_stream':
        socket.write(chunkedHead);
        dribble(socket, half, () => socket.resetAndDestroy());
        return;
      case 'end_stream':
        socket.write(chunkedHead);
        dribble(socket, half, () => socket.end());
        return;
      case 'cut_json':
        socket.write(
          `HTTP/1.1 200 OK\r\nContent-Type: ${jsonType}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
        );
        socket.end(half);
        return;
      case 'cut_close':
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${jsonType}\r\nConnection: close\r\n\r\n`);
        socket.end(half);
        return;
      case 'hang_head':
        return;
      case 'hang_stream':
        socket.write(chunkedHead);
        dribble(socket, half, () => undefined);
        return;
      case 'garbage':
        socket.write('HTTP/1.1 200 OK\r\nno colon here\r\n\0\r\n\r\n');
        return;
      case 'status_429':
        socket.write(counted('429 Too Many Requests', '{"error":{"code":"backend_busy"}}'));
        keep();
        return;
      case 'status_500':
        socket.write(counted('500 Internal Server Error', '{"error":{}}'));
        keep();
        return;
      case 'status_503':
        socket.write(counted('503 Service Unavailable', '{"error":{}}'));
        keep();
        return;
      case 'redirect':
        socket.write(counted('307 Temporary Redirect', '{}', 'Location: http://127.0.0.1:1/\r\n'));
        keep();
        return;
    }
  };

  /** In pieces of random length, cut anywhere, each a chunk of its own and some of them cut again on the way. */
  const dribble = (socket: Socket, bytes: Buffer, done: () => void): void => {
    let from = 0;
    const next = (): void => {
      if (socket.destroyed) return;
      if (from >= bytes.length) {
        done();
        return;
      }
      const piece = bytes.subarray(from, from + 1 + Math.floor(random() * 400));
      from += piece.length;
      const framed = Buffer.concat([
        Buffer.from(`${piece.length.toString(16)}\r\n`),
        piece,
        Buffer.from('\r\n'),
      ]);
      const at = Math.floor(random() * framed.length);
      socket.write(framed.subarray(0, at));
      socket.write(framed.subarray(at));
      setTimeout(next, random() * 8);
    };
    next();
  };

  const listen = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket);
        socket.on('close', () => {
          clearTimeout(idleTimers.get(socket));
          idleTimers.delete(socket);
          atWork.delete(socket);
          sockets.delete(socket);
        });
        socket.on('error', () => undefined);
        socket.on('data', () => clearTimeout(idleTimers.get(socket)));
        readRequests(socket, receive);
      });
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server));
    });
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  let absence: NodeJS.Timeout | undefined;

  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const deed of atWork.values()) deed.isInterrupted = true;
      for (const socket of sockets) socket.resetAndDestroy();
    });
  const comeBack = (): void => {
    absence = undefined;
    void listen(port).then((again) => {
      server = again;
      if (isClosed) void shut();
    });
  };

  return {
    url: `http://127.0.0.1:${port}`,
    sockets,
    calm() {
      isCalm = true;
    },
    goAway(forMs) {
      if (absence !== undefined || isCalm) return;
      absence = setTimeout(comeBack, forMs);
      void shut();
    },
    async close() {
      isClosed = true;
      clearTimeout(absence);
      if (server.listening) await shut();
    },
  };
}

export const pick = <T>(list: readonly T[], random: () => number): T =>
  list[Math.floor(random() * list.length)]!;

/** The same for the same request, so that a byte of another's answer shows. */
function answerTo(id: string, mood: Mood, model: string): Buffer {
  const text = (part: number): string => `${id}/${part} `.repeat(3);
  if (mood.includes('stream')) {
    const frames = Array.from(
      { length: 12 },
      (_, part) => `data: {"model":"${model}","choices":[{"delta":{"content":"${text(part)}"}}]}\n\n`,
    );
    return Buffer.from(`${frames.join('')}data: [DONE]\n\n`);
  }
  const repeats = mood === 'large' ? 40_000 : 10;
  return Buffer.from(`{"id":"${id}","model":"${model}","content":"${text(0).repeat(repeats)}"}`);
}

function counted(status: string, body: string, more = ''): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: ${jsonType}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function parse(body: string): { readonly id: string | undefined; readonly stream: boolean } {
  try {
    const { id, stream } = JSON.parse(body) as { id?: string; stream?: boolean };
    return { id, stream: stream === true };
  } catch {
    // No client of the soak sends such a body and has it accepted; it is reported as a stranger.
    return { id: undefined, stream: false };
  }
}

function readRequests(socket: Socket, receive: (head: string, body: string, socket: Socket) => void): void {
  let unread: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    unread = unread.length === 0 ? data : Buffer.concat([unread, data]);
    for (;;) {
      const end = unread.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = unread.toString('latin1', 0, end);
      const from = end + 4;
      const to = from + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (unread.length < to) return;
      const body = unread.toString('utf8', from, to);
      unread = unread.subarray(to);
      receive(head, body, socket);
    }
  });
}

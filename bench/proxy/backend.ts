/**
 * The mock inference server of the proxy benches, in a process of its own: as little work per request as uWS allows, so
 * that it is not what limits. `node backend.js whole` answers 1 KB to everything it has received; `node backend.js
 * spread|together <interval ms>` streams paced frames that carry the time at which they were written.
 * Tells its port to the process that forked it and ends with it.
 */
import { App, type HttpResponse, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';
import { chatAnswer, modelList, path } from './traffic.js';

const [mode = 'whole', interval = '50'] = process.argv.slice(2);
const intervalMs = Number(interval);

interface Stream {
  readonly response: HttpResponse;
  left: number;
  isOpen: boolean;
}

/** A turn for each millisecond of an interval; the streams of a turn are written together. */
const turns: Set<Stream>[] = Array.from({ length: mode === 'together' ? 1 : intervalMs }, () => new Set());
const turnMs = intervalMs / turns.length;
let opened = 0;

const app = App();
app.get('/v1/models', (response) => {
  response.writeHeader('Content-Type', 'application/json').end(modelList);
});
// A node asks what kind of server this is.
app.any('/*', (response) => {
  response.writeStatus('404 Not Found').end();
});
app.post(path, mode === 'whole' ? answerWhole : answerStream);
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('the mock could not listen');
  process.send?.(us_socket_local_port(socket));
  process.once('disconnect', () => {
    us_listen_socket_close(socket);
    process.exit(0);
  });
});
if (mode !== 'whole') keepPace();

function answerWhole(response: HttpResponse): void {
  response.onAborted(() => undefined);
  response.onData((_, isLast) => {
    if (!isLast) return;
    response.cork(() => {
      response.writeHeader('Content-Type', 'application/json').end(chatAnswer);
    });
  });
}

function answerStream(response: HttpResponse): void {
  let body = '';
  const stream: Stream = { response, left: 0, isOpen: true };
  response.onAborted(() => {
    stream.isOpen = false;
  });
  response.onData((piece, isLast) => {
    body += Buffer.from(piece).toString('latin1');
    if (!isLast) return;
    stream.left = (JSON.parse(body) as { frames: number }).frames;
    response.cork(() => {
      response.writeHeader('Content-Type', 'text/event-stream');
      writeNext(stream);
    });
    if (stream.left > 0) turns[opened++ % turns.length]!.add(stream);
  });
}

/** The next frame; behind the last one the end. */
function writeNext(stream: Stream): void {
  const { response } = stream;
  response.write(
    `data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":" token"}}],"sent":"${process.hrtime.bigint()}"}\n\n`,
  );
  stream.left--;
  if (stream.left === 0) response.end('data: [DONE]\n\n');
}

/** A turn that comes late is made up for, so that the pace holds. */
function keepPace(): void {
  let done = 0;
  const startedMs = performance.now();
  setInterval(
    () => {
      const due = Math.floor((performance.now() - startedMs) / turnMs);
      for (; done < due; done++) writeTurn(turns[done % turns.length]!);
    },
    Math.max(1, Math.min(turnMs, 5)),
  );
}

function writeTurn(turn: Set<Stream>): void {
  for (const stream of turn) {
    if (!stream.isOpen) {
      turn.delete(stream);
      continue;
    }
    stream.response.cork(() => writeNext(stream));
    if (stream.left === 0) turn.delete(stream);
  }
}

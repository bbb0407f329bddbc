/**
 * The least that a proxy on uWS and undici can be, in a process of its own: it passes bodies on and nothing else, with
 * no deadline, no limit, no choice of a backend and no metrics. What a node adds is measured against it.
 * `node bareProxy.js <port of the backend>`; tells its port to the process that forked it and ends with it.
 */

import { App, type HttpResponse, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';
import { type Dispatcher, Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, {
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
});
const app = App();
app.any('/*', (response, request) => {
  const method = request.getMethod().toUpperCase() as Dispatcher.HttpMethod;
  const path = request.getUrl();
  const contentType = request.getHeader('content-type');
  const pieces: Buffer[] = [];
  let leave = (): void => undefined;
  response.onAborted(() => leave());
  response.onData((piece, isLast) => {
    // uWS takes the memory back after this call.
    pieces.push(Buffer.from(Buffer.from(piece)));
    if (!isLast) return;
    leave = forward(response, {
      method,
      path,
      headers: ['content-type', contentType],
      body: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
    });
  });
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('the bare proxy could not listen');
  process.send?.(us_socket_local_port(socket));
  process.once('disconnect', () => {
    us_listen_socket_close(socket);
    process.exit(0);
  });
});

/** Answers what ends the upstream request when the client has left. */
function forward(response: HttpResponse, options: Dispatcher.DispatchOptions): () => void {
  let controller: Dispatcher.DispatchController | undefined;
  let isOver = false;
  let length = -1;
  let sent = 0;
  const end = (write: () => void): void => {
    if (isOver) return;
    isOver = true;
    response.cork(write);
  };
  pool.dispatch(options, {
    onRequestStart(started) {
      controller = started;
      if (isOver) started.abort(new Error('the client has left'));
    },
    onResponseStart(_, status, headers) {
      if (isOver) return;
      length = headers['content-length'] === undefined ? -1 : Number(headers['content-length']);
      response.cork(() => {
        response.writeStatus(String(status)).writeHeader('content-type', String(headers['content-type']));
      });
    },
    onResponseData(_, piece) {
      if (isOver) return;
      sent += piece.length;
      if (sent === length) {
        end(() => response.end(piece));
        return;
      }
      response.cork(() => {
        if (length === -1) response.write(piece);
        else response.tryEnd(piece, length);
      });
    },
    onResponseEnd() {
      end(() => response.end());
    },
    onResponseError() {
      end(() => response.close());
    },
  });
  return () => {
    isOver = true;
    controller?.abort(new Error('the client has left'));
  };
}

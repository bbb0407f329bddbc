/**
 * The public server of one front: uWS, with the request head read, unsafe framing refused and every handler
 * error contained. Several fronts listen on one port and the kernel shares connections out. Runs on the fronts.
 */
import {
  App,
  type HttpRequest,
  type HttpResponse,
  SSLApp,
  type us_listen_socket,
  us_listen_socket_close,
} from 'uWebSockets.js';
import { Exchange, type ExchangeOptions } from './exchange.js';
import { readHead } from './requestHead.js';
import type { Handler } from './route.js';

export interface HttpServerOptions extends ExchangeOptions {
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly handler: Handler;
}

export interface HttpServer {
  /** Rejects when the address cannot be bound. */
  listen(host: string, port: number): Promise<void>;
  /** Takes no new connections; open ones go on. */
  stopListening(): void;
  /** Closes everything. uWS aborts the whole process when a thread ends with an open socket. */
  close(): void;
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { tls, handler } = options;
  const app = tls ? SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile }) : App();
  let listenSocket: us_listen_socket | undefined;

  const receive = (response: HttpResponse, request: HttpRequest): void => {
    const head = readHead(request);
    const x = new Exchange(response, head, options);
    const { framingFault } = head;
    if (framingFault !== undefined) {
      if (head.path.startsWith('/v1/')) x.errorFormat = 'openai';
      // Not in this turn: uWS would go on with the bytes behind this request although the connection is to be
      // closed. While an answer is owed it closes the connection at the next request instead of serving it.
      setImmediate(() => x.refuseFraming(framingFault));
      return;
    }
    x.attempt(() => handler(x));
  };
  app.any('/*', receive);

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        app.listen(host, port, (socket) => {
          if (socket === false) {
            reject(new Error(`cannot listen on ${host}:${port}`));
            return;
          }
          listenSocket = socket;
          resolve();
        });
      }),
    stopListening() {
      if (listenSocket !== undefined) us_listen_socket_close(listenSocket);
      listenSocket = undefined;
    },
    close() {
      this.stopListening();
      app.close();
    },
  };
}

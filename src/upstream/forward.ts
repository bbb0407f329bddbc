/**
 * One request to a backend and its response as it streams back, under four timers of ours: connecting, the
 * first byte, silence between two pieces, and the whole. A backend that closes an idle connection in the moment in
 * which a request goes out on it has not seen the request: it goes out once more, on a new connection. Runs on the
 * fronts.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Connection, Connections, PausedRequest } from './connections.js';
import { LargeBody, largeBodyBytes } from './largeBody.js';

/** What went wrong with a backend, as the metric label `kind`. */
export type UpstreamFaultKind =
  | 'connect'
  | 'connect_timeout'
  | 'first_byte_timeout'
  | 'idle_timeout'
  | 'total_timeout'
  | 'reset'
  | 'protocol';

export class UpstreamFault extends Error {
  readonly kind: UpstreamFaultKind;

  constructor(kind: UpstreamFaultKind, cause?: unknown) {
    super(`upstream ${kind}`, { cause });
    this.name = 'UpstreamFault';
    this.kind = kind;
  }
}

export interface UpstreamTimeouts {
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

export interface UpstreamResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Length of the body when announced. */
  readonly contentLength: number | null;
  /** False when only the closing connection ends the body, so that its end proves nothing. */
  readonly isFramed: boolean;
}

/** Exactly one of `onComplete` and `onFault` is called, last, unless the call was aborted. */
export interface UpstreamHandler {
  onResponse(response: UpstreamResponse): void;
  /** False pauses the response until `resume`. */
  onData(piece: Buffer): boolean;
  onComplete(): void;
  onFault(fault: UpstreamFault): void;
}

export interface UpstreamCall {
  /**
   * Ends the request; nothing is called any more. Its connection ends too, unless the whole response has come: a
   * caller has all bytes of an announced length before the parser says that this was the end.
   */
  abort(): void;
  resume(): void;
}

export interface ForwardOptions {
  readonly connections: Connections;
  readonly request: UpstreamRequest;
  readonly timeouts: UpstreamTimeouts;
  readonly handler: UpstreamHandler;
}

export function forward(options: ForwardOptions): UpstreamCall {
  const call = new ForwardedRequest(options);
  call.start();
  return call;
}

const decimal = /^\d{1,15}$/;
/** Any other last coding is ended by the closing connection alone (RFC 9112, section 6.3). */
const endsInChunked = /(?:^|,)\s*chunked\s*$/i;

/** A header that is given twice comes as a list; the first one counts. */
function withoutLists(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  let plain: IncomingHttpHeaders | undefined;
  for (const name in headers) {
    const value = headers[name];
    if (!Array.isArray(value)) continue;
    plain ??= { ...headers };
    (plain as Record<string, string | undefined>)[name] = value[0];
  }
  return plain ?? headers;
}

/** A connection that breaks later may have broken over the request itself, which then must not run twice. */
const staleWithinMs = 250;

/** One class, so that undici's callbacks cost no closure per request or piece. */
class ForwardedRequest implements UpstreamCall, PausedRequest, Dispatcher.DispatchHandler {
  readonly #connections: Connections;
  /** Until the response begins; its body may be large and the response long. */
  #request: UpstreamRequest | undefined;
  readonly #handler: UpstreamHandler;
  readonly #timeouts: UpstreamTimeouts;
  readonly #total: NodeJS.Timeout;
  #connection: Connection;
  #wait: NodeJS.Timeout;
  #waitingFor: UpstreamFaultKind = 'connect_timeout';
  #controller: Dispatcher.DispatchController | undefined;
  #isPaused = false;
  #isSettled = false;
  /** What came over the connection for the requests before this one. */
  #bytesReadBefore = 0;
  #isReused = false;
  #sentAtMs = 0;
  #contentLength: number | null = null;
  #receivedBytes = 0;
  /** Settled, but the connection is kept until the parser has seen the end of the response. */
  #isEnding = false;

  constructor({ connections, handler, timeouts, request }: ForwardOptions) {
    this.#connections = connections;
    this.#connection = connections.acquire();
    this.#request = request;
    this.#handler = handler;
    this.#timeouts = timeouts;
    this.#total = setTimeout(this.#onTimeout, timeouts.totalMs, 'total_timeout');
    this.#wait = setTimeout(this.#onTimeout, timeouts.connectMs);
  }

  start(): void {
    if (this.#request === undefined) return;
    const { method, path, headers, body } = this.#request;
    const { client, socket } = this.#connection;
    this.#isReused = socket !== undefined && !socket.destroyed;
    this.#bytesReadBefore = socket?.bytesRead ?? 0;
    const isLarge = body !== null && body.length >= largeBodyBytes;
    client.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path,
        headers: isLarge
          ? { ...headers, 'content-length': String(body.length) }
          : (headers as Record<string, string>),
        // undici takes any iterable, though its types do not say so.
        body: isLarge ? (new LargeBody(body) as unknown as Readable) : body,
      },
      this,
    );
  }

  abort(): void {
    if (!this.#settle()) return;
    if (this.#receivedBytes !== this.#contentLength) {
      this.#connections.discard(this.#connection);
      return;
    }
    this.#isEnding = true;
    // The parser holds the end back while it is paused for a slow caller.
    if (this.#isPaused) this.letEnd();
  }

  resume(): void {
    if (!this.#isPaused || this.#isSettled) return;
    this.#isPaused = false;
    this.#connection.paused = undefined;
    this.#wait = setTimeout(this.#onTimeout, this.#timeouts.idleMs);
    this.#controller?.resume();
  }

  letEnd(): void {
    this.#isPaused = false;
    this.#connection.paused = undefined;
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isSettled) {
      controller.abort(new UpstreamFault('reset'));
      return;
    }
    this.#controller = controller;
    this.#sentAtMs = performance.now();
    this.#await('first_byte_timeout', this.#timeouts.firstByteMs);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx responses are undici's to swallow, but it hands 103 on.
    if (this.#isSettled || status < 200) return;
    const hasNoBody = this.#request?.method === 'HEAD' || status === 204 || status === 304;
    this.#request = undefined;
    const length = headers['content-length'];
    const contentLength = length !== undefined && decimal.test(length) ? Number(length) : null;
    this.#contentLength = contentLength;
    // Such a response ends with its head, whatever the head says (RFC 9112, section 6.3).
    const isFramed =
      hasNoBody || contentLength !== null || endsInChunked.test(headers['transfer-encoding'] ?? '');
    this.#handler.onResponse({ status, headers: withoutLists(headers), contentLength, isFramed });
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    // undici hands on an empty piece when it resumes a body without a length; pausing on that would be for ever.
    if (this.#isSettled || piece.length === 0) return;
    this.#receivedBytes += piece.length;
    // Servers send their headers before a long prompt is read: only a piece of the body ends that wait.
    if (this.#waitingFor === 'first_byte_timeout') this.#await('idle_timeout', this.#timeouts.idleMs);
    else if (!this.#isPaused) this.#wait.refresh();
    if (this.#handler.onData(piece) || this.#isSettled || this.#isPaused) return;
    // The caller is slow, not the backend: its silence is not counted meanwhile.
    this.#isPaused = true;
    this.#connection.paused = this;
    clearTimeout(this.#wait);
    controller.pause();
  }

  onResponseEnd(): void {
    if (this.#isEnding) this.#connections.release(this.#connection);
    if (!this.#settle()) return;
    this.#connections.release(this.#connection);
    this.#handler.onComplete();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#isEnding) this.#connections.discard(this.#connection);
    if (this.#isSettled) return;
    if (this.#wasStale(error)) {
      this.#connections.discard(this.#connection);
      this.#connection = this.#connections.acquireFresh();
      this.#controller = undefined;
      this.#await('connect_timeout', this.#timeouts.connectMs);
      this.start();
      return;
    }
    this.#settle();
    this.#connections.discard(this.#connection);
    this.#handler.onFault(this.#faultOf(error));
  }

  readonly #onTimeout = (kind?: UpstreamFaultKind): void => {
    if (!this.#settle()) return;
    this.#connections.discard(this.#connection);
    this.#handler.onFault(new UpstreamFault(kind ?? this.#waitingFor));
  };

  #await(kind: UpstreamFaultKind, ms: number): void {
    clearTimeout(this.#wait);
    this.#waitingFor = kind;
    this.#wait = setTimeout(this.#onTimeout, ms);
  }

  /** False when the request was settled before. */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#total);
    clearTimeout(this.#wait);
    return true;
  }

  /** Whether the connection was closed before the request reached anybody. A new connection cannot be. */
  #wasStale(error: Error): boolean {
    const { socket } = this.#connection;
    if (!this.#isReused || this.#controller === undefined || socket === undefined) return false;
    if (performance.now() - this.#sentAtMs > staleWithinMs) return false;
    return socket.bytesRead === this.#bytesReadBefore && this.#faultOf(error).kind === 'reset';
  }

  #faultOf(error: Error): UpstreamFault {
    if (error instanceof UpstreamFault) return error;
    if (this.#controller === undefined) {
      const isTimeout = (error as NodeJS.ErrnoException).code === 'UND_ERR_CONNECT_TIMEOUT';
      return new UpstreamFault(isTimeout ? 'connect_timeout' : 'connect', error);
    }
    const isProtocol = error.name === 'HTTPParserError' || error.name === 'HeadersOverflowError';
    return new UpstreamFault(isProtocol ? 'protocol' : 'reset', error);
  }
}

/**
 * One request and its response on a front: the head that was read, the body when it is asked for, and exactly
 * one answer, whole, streamed or cut. Wraps uWS, whose response object must not be touched after it ended or
 * was aborted. Runs on the fronts.
 */
import type { HttpResponse } from 'uWebSockets.js';
import { NodeError, toNodeError } from '../errors/nodeError.js';
import type { InferenceRecord } from '../lib/inferenceRecord.js';
import { requestIdFrom } from '../lib/requestId.js';
import type { Phase } from '../logger/logger.js';
import type { BodyBudget } from './bodyBudget.js';
import { emptyBody, type ReceivedBody, readBody } from './bodyReader.js';
import { type ErrorFormat, errorBody } from './errorBody.js';
import type { RequestHead } from './requestHead.js';
import { statusLine } from './statusLine.js';

/** How an exchange ended: answered in full, left by the client, or cut by us after the first byte. */
export type ExchangeEnd = 'complete' | 'client_closed' | 'cut';

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** uWS closes an idle connection after about 10 s; clients that know a little less never hit the race. */
const keepAlive = 'timeout=8';
/** A refused body up to this many times the limit is swallowed, so that the connection survives the refusal. */
const swallowFactor = 4;

export interface ExchangeOptions {
  readonly maxBodyBytes: number;
  readonly bodyBudget: BodyBudget;
  /** Called with what a handler threw, after the caller was answered. */
  readonly onFault: (thrown: unknown, x: Exchange) => void;
}

export class Exchange {
  readonly head: RequestHead;
  readonly id: string;
  readonly startedAtMs = performance.now();
  /** The route's pattern, a closed set: the metric label `endpoint`. */
  endpoint = '*';
  errorFormat: ErrorFormat = 'plain';
  /** Called when a phase has begun; for tracing. */
  onPhase: (() => void) | undefined;
  /** Who signed, lower-case `0x` text; for the log. */
  caller: string | undefined;
  /** How the caller signed; `undefined` where nobody had to. */
  signedBy: 'legacy' | 'rfc9421' | 'session' | undefined;
  body: ReceivedBody = emptyBody;
  /** The part of the path that the route's `*` stood for. */
  rest = '';
  /** Status sent; 0 before the first byte of the answer. */
  status = 0;
  /** The code of the error that was answered or that cut the stream. */
  errorCode: string | undefined;
  /** When the first byte of the body left, as `performance.now()`; 0 before. */
  firstByteAtMs = 0;
  /** Size of the request's body, also after it was released. */
  receivedBytes = 0;
  /** Called when a successful event stream begins. */
  onTokenStream: ((x: Exchange) => void) | undefined;
  /** Set once it is known which model is asked for. */
  inference: InferenceRecord | undefined;
  /** Goes to the backend in place of the caller's `traceparent` when it is set. */
  traceparent: string | undefined;
  /** Body bytes handed to the socket. */
  sentBytes = 0;

  readonly #response: HttpResponse;
  readonly #maxBodyBytes: number;
  readonly #bodyBudget: BodyBudget;
  readonly #onFault: ExchangeOptions['onFault'];
  readonly #onEnd: ((end: ExchangeEnd) => void)[] = [];
  #phase: Phase = 'receive';
  #isTokenStream = false;
  #end: ExchangeEnd | undefined;
  /** `undefined` while nothing is sent; the announced length, or `null` for a chunked body. */
  #bodyLength: number | null | undefined;
  #ownHeaders: [name: string, value: string][] | undefined;
  #onDrain: (() => void) | undefined;
  /** What `tryEnd` did not take, and where in the body it begins. Only with an announced length. */
  #pending: Buffer | undefined;
  #pendingOffset = 0;
  #chunk: Buffer = emptyBody.bytes;
  /** Held until the backend answers or the exchange ends. */
  #reservedBytes = 0;
  #accepted = true;

  constructor(response: HttpResponse, head: RequestHead, options: ExchangeOptions) {
    this.#response = response;
    this.head = head;
    this.#maxBodyBytes = options.maxBodyBytes;
    this.#bodyBudget = options.bodyBudget;
    this.#onFault = options.onFault;
    this.id = requestIdFrom(head.headers.get('x-request-id'));
    response.onAborted(() => this.#finish('client_closed'));
  }

  get phase(): Phase {
    return this.#phase;
  }

  set phase(phase: Phase) {
    this.#phase = phase;
    this.onPhase?.();
  }

  /** A successful event stream, whose first byte is a first token. */
  get isTokenStream(): boolean {
    return this.#isTokenStream;
  }

  beginTokenStream(): void {
    if (!this.isOpen) return;
    this.#isTokenStream = true;
    this.onTokenStream?.(this);
  }

  /** `undefined` while the exchange is open. */
  get end(): ExchangeEnd | undefined {
    return this.#end;
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /** True once a status was sent, so that an error can only cut. */
  get isStarted(): boolean {
    return this.status !== 0;
  }

  /** True while the client takes less than was sent to it. */
  get isBackedUp(): boolean {
    return !this.#accepted;
  }

  /** Called once, when the exchange ends in whatever way; at once if it has. */
  onEnd(listener: (end: ExchangeEnd) => void): void {
    if (this.#end === undefined) this.#onEnd.push(listener);
    else listener(this.#end);
  }

  /**
   * Runs one step of the request's handling, unless the exchange has ended. What it throws ends this exchange
   * only, never the front. Every continuation from another tick goes through here.
   */
  attempt(step: () => void): void {
    if (!this.isOpen) return;
    try {
      step();
    } catch (thrown) {
      this.fail(toNodeError(thrown));
      this.#onFault(thrown, this);
    }
  }

  /**
   * Receives the body, then calls `next`. Must be called in the tick of the request. A body over the limit is
   * refused here and `next` is not called; so is one that is
   * not there `withinMs`, with the error that `late` makes.
   */
  receiveBody(next: () => void, withinMs?: number, late?: () => NodeError): void {
    if (!this.head.hasBody) {
      next();
      return;
    }
    const letGo = readBody(this.#response, {
      limitBytes: this.#maxBodyBytes,
      contentLength: this.head.contentLength,
      onBody: (body) => {
        this.body = body;
        this.receivedBytes = body.bytes.length;
        this.attempt(next);
      },
      withinMs,
      // What is still to come would be taken for the next request.
      onLate: () => this.#fail(late?.() ?? new NodeError('invalid_request'), true),
      reserve: (bytes) => {
        if (!this.#bodyBudget.reserve(bytes)) return false;
        this.#reservedBytes += bytes;
        return true;
      },
      onOverload: () =>
        this.fail(new NodeError('queue_full', { message: 'Too many bodies are being received.' })),
      onTooLarge: (drained) => this.#fail(new NodeError('body_too_large'), !drained),
    });
    this.onEnd(letGo);
  }

  /** Lets the body go, once nobody needs it any more. */
  releaseBody(): void {
    this.body = emptyBody;
    this.#bodyBudget.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }

  /**
   * Adds a header to the answer, whatever it will be; one of the same name that a backend sends gives way. Without
   * effect once the answer has begun.
   */
  setHeader(name: string, value: string): void {
    this.#ownHeaders = (this.#ownHeaders ?? []).filter(([own]) => own !== name);
    this.#ownHeaders.push([name, value]);
  }

  /** Sends a whole answer. */
  respond(status: number, contentType: string, body: string | Buffer, headers: HeaderList = []): void {
    this.#respond(status, contentType, body, headers, false);
  }

  respondJson(status: number, value: unknown): void {
    this.respond(status, 'application/json', JSON.stringify(value));
  }

  /** Answers with an error, or cuts the connection when the answer has begun. */
  fail(error: NodeError): void {
    const { contentLength = 0 } = this.head;
    this.#fail(error, contentLength > swallowFactor * this.#maxBodyBytes);
  }

  /** Answers 400 and closes: what follows on this connection may not be what it looks like. */
  refuseFraming(message: string): void {
    this.#fail(new NodeError('invalid_request', { message }), true);
  }

  /** Begins a streamed answer; `bodyLength` is `null` when it is not known. */
  start(status: number, headers: HeaderList, bodyLength: number | null): void {
    if (!this.isOpen) return;
    this.#response.cork(() => this.#begin(status, headers, bodyLength));
    if (bodyLength === 0) this.finish();
  }

  /** Begins a streamed answer with its first piece, in one write to the socket. Returns what `write` does. */
  startWith(status: number, headers: HeaderList, bodyLength: number | null, chunk: Buffer): boolean {
    let accepted = true;
    if (this.isOpen) {
      this.#response.cork(() => {
        this.#begin(status, headers, bodyLength);
        accepted = this.write(chunk);
      });
    }
    return accepted;
  }

  /**
   * Sends one piece, whose memory is the sender's again afterwards. False means that the client reads more slowly than it is sent to: the piece was taken all
   * the same; wait for `onDrain` before the next.
   */
  write(chunk: Buffer): boolean {
    if (!this.isOpen) return true;
    if (this.firstByteAtMs === 0) this.firstByteAtMs = performance.now();
    this.sentBytes += chunk.length;
    if (this.#bodyLength !== null) return this.#writeCounted(chunk);
    this.#chunk = chunk;
    this.#response.cork(this.#writeChunk);
    if (!this.#accepted) this.#watchWritable();
    return this.#accepted;
  }

  /** Called when the socket takes bytes again after a `write` that returned false. */
  set onDrain(listener: () => void) {
    this.#onDrain = listener;
  }

  /** Ends a streamed answer. With an announced length the last `write` has ended it already. */
  finish(): void {
    if (!this.isOpen || this.#pending !== undefined) return;
    this.#response.cork(() => {
      if (this.head.method === 'HEAD' || this.status === 204) this.#endBodyless();
      else if (this.#bodyLength === 0) this.#response.endWithoutBody(0);
      else this.#response.end();
    });
    this.#finish('complete');
  }

  /** Breaks a streamed answer off, so that no client can take it for complete. */
  cut(): void {
    if (!this.isOpen) return;
    // First, because closing calls the abort listener, which would take the client to have left.
    this.#finish('cut');
    // Not `end(…, true)`: after a chunked body uWS writes its "Connection: close" into the body.
    this.#response.close();
  }

  #begin(status: number, headers: HeaderList, bodyLength: number | null): void {
    this.status = status;
    this.#bodyLength = bodyLength;
    this.#writeHead(status, headers);
  }

  readonly #writeChunk = (): void => {
    this.#accepted = this.#response.write(this.#chunk);
  };

  #writeCounted(chunk: Buffer): boolean {
    if (this.#pending !== undefined) {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      return false;
    }
    this.#pendingOffset = this.#response.getWriteOffset();
    const accepted = this.#tryEnd(chunk);
    // Of this piece the memory is used again; what `#watchWritable` sends has been copied here.
    if (this.#pending !== undefined) this.#pending = Buffer.from(chunk);
    return accepted;
  }

  #tryEnd(chunk: Buffer): boolean {
    let accepted = true;
    let isDone = false;
    this.#response.cork(() => {
      [accepted, isDone] = this.#response.tryEnd(chunk, this.#bodyLength as number);
    });
    if (isDone) {
      this.#pending = undefined;
      this.#finish('complete');
      return true;
    }
    this.#pending = accepted ? undefined : chunk;
    if (!accepted) this.#watchWritable();
    return accepted;
  }

  #isWatching = false;

  #watchWritable(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#response.onWritable((offset) => {
      if (!this.isOpen) return true;
      this.#accepted = true;
      const pending = this.#pending;
      if (pending !== undefined) {
        const rest = pending.subarray(offset - this.#pendingOffset);
        this.#pendingOffset = offset;
        this.#pending = undefined;
        if (!this.#tryEnd(rest)) return false;
      }
      if (this.isOpen) this.#onDrain?.();
      return true;
    });
  }

  #fail(error: NodeError, close: boolean): void {
    if (!this.isOpen) return;
    this.errorCode = error.code;
    if (this.isStarted) {
      this.cut();
      return;
    }
    const { status } = error;
    const body = errorBody(error, this.errorFormat);
    this.#respond(status || 500, 'application/json', body, errorHeaders(error), close);
  }

  #respond(
    status: number,
    contentType: string,
    body: string | Buffer,
    headers: HeaderList,
    close: boolean,
  ): void {
    if (!this.isOpen) return;
    this.status = status;
    this.firstByteAtMs = performance.now();
    this.sentBytes = body.length;
    this.#response.cork(() => {
      this.#writeHead(status, [['content-type', contentType], ...headers]);
      if (this.head.method === 'HEAD') this.#endHead(Buffer.byteLength(body), close);
      else this.#response.end(body, close);
    });
    this.#finish('complete');
  }

  /**
   * Given the length of the body that a `GET` would have, uWS waits for that body for ever; so the header is
   * written by hand, and a connection that is to be closed is told of no body at all.
   */
  #endHead(bodyLength: number, close: boolean): void {
    if (close) {
      this.#response.endWithoutBody(0, true);
      return;
    }
    this.#response.writeHeader('content-length', String(bodyLength));
    this.#response.endWithoutBody();
  }

  /** `end` would announce an empty body: of a HEAD that is not true, and a 204 announces none. */
  #endBodyless(): void {
    if (this.status !== 204 && this.#bodyLength != null) this.#endHead(this.#bodyLength, false);
    else this.#response.endWithoutBody();
  }

  #writeHead(status: number, headers: HeaderList): void {
    this.#response.writeStatus(statusLine(status));
    const own = this.#ownHeaders;
    for (const [name, value] of headers) {
      if (own?.some(([ownName]) => ownName === name) !== true) this.#response.writeHeader(name, value);
    }
    if (own !== undefined) for (const [name, value] of own) this.#response.writeHeader(name, value);
    this.#response.writeHeader('x-request-id', this.id);
    this.#response.writeHeader('keep-alive', keepAlive);
  }

  #finish(end: ExchangeEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.releaseBody();
    for (const listener of this.#onEnd) listener(end);
    this.#onEnd.length = 0;
  }
}

/** `Retry-After` where trying again can help, and the `Allow` that HTTP wants with 405. */
function errorHeaders({ meta, entry }: NodeError): HeaderList {
  const headers: [string, string][] = [];
  const seconds = meta['retryAfterS'] ?? entry.retryAfterS;
  if (seconds !== undefined) headers.push(['retry-after', String(seconds)]);
  if (typeof meta['allow'] === 'string') headers.push(['allow', meta['allow']]);
  return headers;
}

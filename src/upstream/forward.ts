/**
 * One request to a backend and its response as it streams back, under four deadlines of ours: connecting, the
 * first byte, silence between two pieces, and the whole. A backend that closes an idle connection in the moment in
 * which a request goes out on it has not seen the request: it goes out once more, on a new connection. Runs on the
 * fronts.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { BackendConnection, BreakKind, ConnectionUser } from './backendConnection.js';
import type { Connections } from './connections.js';
import { requestHead } from './requestHead.js';
import type { ResponseHead } from './responseHead.js';

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
  /** The piece is good only during the call: who keeps it copies it. False pauses the response until `resume`. */
  onData(piece: Buffer): boolean;
  onComplete(): void;
  onFault(fault: UpstreamFault): void;
}

export interface UpstreamCall {
  /**
   * Ends the request; nothing is called any more. Its connection ends too, at once, unless the whole response has come:
   * a caller has all bytes of an announced length before it is told that this was the end.
   */
  abort(): void;
  resume(): void;
}

export interface ForwardOptions {
  readonly connections: Connections;
  readonly request: UpstreamRequest;
  readonly timeouts: UpstreamTimeouts;
  /** What is left of the time for the whole, where a request is not the first try; all of it unless told. */
  readonly totalMs?: number;
  readonly handler: UpstreamHandler;
}

/** @throws TypeError for a path or a header that no request can have */
export function forward(options: ForwardOptions): UpstreamCall {
  const call = new ForwardedRequest(options);
  call.start();
  return call;
}

/** A connection that breaks later may have broken over the request itself, which then must not run twice. */
const staleWithinMs = 250;

/** Not a method bound to each request: a closure per timer costs more than the timer. */
const look = (request: ForwardedRequest): void => request.lookAtClock();
/** Timers count whole milliseconds of a clock of their own, so they may come as much too early. */
const timerSlackMs = 1;

/** What goes out, and once more if the connection was stale. */
interface Outgoing {
  readonly head: string;
  readonly body: Buffer | null;
  readonly isHeadMethod: boolean;
}

/** One class, so that a request and a piece of its response cost no closure. */
class ForwardedRequest implements UpstreamCall, ConnectionUser {
  readonly #connections: Connections;
  /** Until the response begins; its body may be large and the response long. */
  #request: Outgoing | undefined;
  readonly #handler: UpstreamHandler;
  readonly #timeouts: UpstreamTimeouts;
  #connection: BackendConnection;
  #waitingFor: UpstreamFaultKind = 'connect_timeout';
  /** Both deadlines as `performance.now()`. */
  #waitUntilMs = Number.POSITIVE_INFINITY;
  readonly #totalUntilMs: number;
  /** One for both. Moving a deadline back leaves it alone: when it fires too early it is set anew. */
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isPaused = false;
  #isSettled = false;
  /** Settled, but the connection is kept until the end of the response, which has come, is told. */
  #isEnding = false;

  constructor({ connections, handler, timeouts, totalMs, request }: ForwardOptions) {
    this.#connections = connections;
    // First, because it may throw.
    const { method, body } = request;
    const head = requestHead(request, connections.headLines);
    this.#request = { head, body, isHeadMethod: method === 'HEAD' };
    this.#handler = handler;
    this.#timeouts = timeouts;
    this.#connection = connections.acquire();
    this.#totalUntilMs = performance.now() + (totalMs ?? timeouts.totalMs);
  }

  start(): void {
    const connection = this.#connection;
    connection.use(this);
    if (connection.isOpen) this.#send();
    else this.#await('connect_timeout', this.#timeouts.connectMs);
  }

  abort(): void {
    if (!this.#settle()) return;
    if (!this.#connection.isWhole) {
      this.#connections.discard(this.#connection);
      return;
    }
    this.#isEnding = true;
    // The end is held back for a slow caller.
    if (this.#isPaused) this.#connection.resume();
  }

  resume(): void {
    if (!this.#isPaused || this.#isSettled) return;
    this.#isPaused = false;
    this.#await('idle_timeout', this.#timeouts.idleMs);
    this.#connection.resume();
  }

  onConnect(): void {
    this.#send();
  }

  onHead({ status, headers, contentLength, isChunked }: ResponseHead, hasBody: boolean): void {
    this.#request = undefined;
    const isFramed = !hasBody || contentLength !== null || isChunked;
    this.#handler.onResponse({ status, headers, contentLength, isFramed });
  }

  onBody(piece: Buffer): boolean {
    // Servers send their headers before a long prompt is read: only a piece of the body ends that wait.
    if (this.#waitingFor === 'first_byte_timeout') this.#await('idle_timeout', this.#timeouts.idleMs);
    else this.#waitUntilMs = performance.now() + this.#timeouts.idleMs;
    if (this.#handler.onData(piece) || this.#isSettled) return true;
    // The caller is slow, not the backend: its silence is not counted meanwhile.
    this.#isPaused = true;
    this.#waitUntilMs = Number.POSITIVE_INFINITY;
    return false;
  }

  onEnd(): void {
    const isTold = this.#settle();
    if (!isTold && !this.#isEnding) return;
    this.#connections.release(this.#connection);
    if (isTold) this.#handler.onComplete();
  }

  onBreak(kind: BreakKind, error: Error): void {
    if (this.#wasStale(kind)) {
      this.#connection = this.#connections.acquireFresh();
      this.start();
      return;
    }
    if (this.#settle()) this.#handler.onFault(new UpstreamFault(kind, error));
  }

  #send(): void {
    if (this.#request === undefined) return;
    const { head, body, isHeadMethod } = this.#request;
    this.#await('first_byte_timeout', this.#timeouts.firstByteMs);
    this.#connection.send(head, body, isHeadMethod);
  }

  /** Ends the request when a deadline has passed. */
  lookAtClock(): void {
    if (this.#isSettled) return;
    const nowMs = performance.now();
    const untilMs = Math.min(this.#waitUntilMs, this.#totalUntilMs);
    if (untilMs - nowMs >= timerSlackMs) {
      this.#setTimer(nowMs);
      return;
    }
    const kind = untilMs === this.#waitUntilMs ? this.#waitingFor : 'total_timeout';
    this.#settle();
    this.#connections.discard(this.#connection);
    this.#handler.onFault(new UpstreamFault(kind));
  }

  #await(kind: UpstreamFaultKind, ms: number): void {
    const nowMs = performance.now();
    this.#waitingFor = kind;
    this.#waitUntilMs = nowMs + ms;
    if (this.#waitUntilMs < this.#timerAtMs) this.#setTimer(nowMs);
  }

  /** Never further ahead than a silence may last, so that the first piece of a response need not set it anew. */
  #setTimer(nowMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = Math.min(this.#waitUntilMs, this.#totalUntilMs, nowMs + this.#timeouts.idleMs);
    this.#timer = setTimeout(look, Math.max(1, Math.ceil(this.#timerAtMs - nowMs)), this);
  }

  /** False when the request was settled before. */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    return true;
  }

  /** Whether the connection was closed before the request reached anybody. A new connection cannot be. */
  #wasStale(kind: BreakKind): boolean {
    if (kind !== 'reset' || this.#request === undefined) return false;
    if (!this.#connection.isReused || this.#connection.hasReceived) return false;
    return performance.now() - this.#connection.sentAtMs <= staleWithinMs;
  }
}

/**
 * One connection to a backend, with one request on it at a time: connects, writes the request, and reads the response
 * through the parser. Our own client, because the way from a front to its backend is most of what a request costs; it
 * does what forwarding needs and nothing else. Runs on the fronts.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls';
import type { ResponseHead, ResponseSyntaxError } from './responseHead.js';
import { type ResponseEvents, ResponseParser } from './responseParser.js';

/** Where the connections of a pool go. */
export interface BackendAddress {
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  /** What the certificate is for and SNI says; `undefined` for IP addresses, which SNI does not know. */
  readonly servername: string | undefined;
  /** Kept for all connections: the root certificates are read once, and later ones shorten their handshake. */
  readonly tls: { context: SecureContext | undefined; session: Buffer | undefined };
}

/** What a broken connection means. */
export type BreakKind = 'connect' | 'reset' | 'protocol';

/** Whose request a connection carries. */
export interface ConnectionUser {
  /** A new connection is there: the request can go out. */
  onConnect(): void;
  onHead(head: ResponseHead, hasBody: boolean): void;
  /** The piece is good only during the call. False pauses the response. */
  onBody(piece: Buffer): boolean;
  /** The response is whole. The connection may be given back in the call. */
  onEnd(): void;
  /** There will be no more; never after `onEnd`. */
  onBreak(kind: BreakKind, error: Error): void;
}

const noBytes = Buffer.alloc(0);

/** Finds hosts that vanished while their connection was idle. */
const keepAliveProbeMs = 60_000;

/**
 * All connections of a thread read into this, one after the other: what is read has been handed on, copied by those who
 * keep it, before the next read. Larger than a socket hands over at once on most systems.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1_024);

/** Up to here head and body are joined to go out in one write: a copy of that size costs less than a second write. */
export const joinedBytes = 32 * 1_024;
/** Where they are joined. */
let writeBuffer = Buffer.allocUnsafeSlow(joinedBytes);

export class BackendConnection implements ResponseEvents {
  /** When an idle connection is dropped, as `performance.now()`. For the pool. */
  expiresAtMs = 0;
  /** Whether any byte came since the last request went out. */
  hasReceived = false;
  /** When the last byte of the request was handed to the system, as `performance.now()`; infinite before. */
  sentAtMs = 0;
  /** As the last response said; `undefined` when it did not say. */
  keptForMs: number | undefined;
  readonly #socket: Socket;
  readonly #parser = new ResponseParser(this);
  readonly #onIdleEnd: (connection: BackendConnection) => void;
  #user: ConnectionUser | undefined;
  #isOpen = false;
  /** The backend has closed its side or the socket broke. */
  #isEnded = false;
  #endAfterPause: Error | undefined;
  #requests = 0;

  /** @param onIdleEnd called when the connection ends while nobody uses it */
  constructor(address: BackendAddress, onIdleEnd: (connection: BackendConnection) => void) {
    this.#onIdleEnd = onIdleEnd;
    this.#socket = address.isTls ? this.#openTls(address) : this.#openTcp(address);
    this.#socket.on('end', this.#onSocketEnd);
    this.#socket.on('error', this.#onSocketError);
    this.#socket.on('close', this.#onSocketEnd);
  }

  /** Connected, so that a request can be sent. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isEnded;
  }

  /** Whether it has carried a request before the present one. */
  get isReused(): boolean {
    return this.#requests > 1;
  }

  /** All bytes of the response have come, though a pause may hold its end back. */
  get isWhole(): boolean {
    return this.#parser.isWhole;
  }

  /** Whether the next request may go over it. */
  get isReusable(): boolean {
    // Answered before its body was read: the next request would stand behind what nobody may ever read.
    const isWritten = this.#socket.writableLength === 0;
    return this.isOpen && this.#endAfterPause === undefined && this.#parser.isReusable && isWritten;
  }

  /** Takes the connection for one request. */
  use(user: ConnectionUser): void {
    this.#user = user;
  }

  /** Leaves the connection without a user, as it is. */
  leave(): void {
    this.#user = undefined;
  }

  /** @param head with the blank line, Latin-1 */
  send(head: string, body: Buffer | null, isHeadMethod: boolean): void {
    this.#requests++;
    this.hasReceived = false;
    this.keptForMs = undefined;
    this.#parser.begin(isHeadMethod);
    const socket = this.#socket;
    const bodyBytes = body?.length ?? 0;
    if (head.length + bodyBytes > joinedBytes) {
      socket.cork();
      socket.write(head, 'latin1');
      this.sentAtMs = Number.POSITIVE_INFINITY;
      socket.write(body ?? noBytes, this.#onSent);
      socket.uncork();
      return;
    }
    this.sentAtMs = performance.now();
    const headBytes = writeBuffer.write(head, 'latin1');
    body?.copy(writeBuffer, headBytes);
    socket.write(writeBuffer.subarray(0, headBytes + bodyBytes));
    // Mostly the kernel has taken it at once; else the bytes must stay until it does.
    if (socket.writableLength > 0) writeBuffer = Buffer.allocUnsafeSlow(joinedBytes);
  }

  resume(): void {
    this.#parser.resume();
    if (this.#parser.isPaused || this.#isEnded) return;
    const end = this.#endAfterPause;
    this.#endAfterPause = undefined;
    if (end !== undefined) this.#end(end);
    else this.#socket.resume();
  }

  /** Closes at once; nothing is told any more. */
  destroy(): void {
    this.#user = undefined;
    this.#isEnded = true;
    this.#parser.stop();
    this.#socket.destroy();
  }

  onHead(head: ResponseHead, hasBody: boolean): void {
    this.keptForMs = head.keptForMs;
    this.#user?.onHead(head, hasBody);
  }

  onBody(piece: Buffer): boolean {
    if (this.#user === undefined || this.#user.onBody(piece)) return true;
    // A whole response leaves nothing to hold back, and the end of the connection is worth knowing.
    if (!this.#parser.isWhole) this.#socket.pause();
    return false;
  }

  onEnd(): void {
    this.#user?.onEnd();
  }

  onSyntaxError(error: ResponseSyntaxError): void {
    this.#break('protocol', error);
  }

  #openTcp({ host, port }: BackendAddress): Socket {
    return connectTcp({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeMs,
      onread: { buffer: readBuffer, callback: this.#onRead },
    }).once('connect', this.#onConnected);
  }

  #openTls({ host, port, servername, tls }: BackendAddress): Socket {
    tls.context ??= createSecureContext({ ciphers: DEFAULT_CIPHERS });
    const socket = connectTls({
      host,
      port,
      ...(servername === undefined ? {} : { servername }),
      ...(tls.session === undefined ? {} : { session: tls.session }),
      secureContext: tls.context,
      ALPNProtocols: ['http/1.1'],
    });
    socket.setNoDelay(true).setKeepAlive(true, keepAliveProbeMs);
    socket.on('session', (session) => {
      tls.session = session;
    });
    return socket.once('secureConnect', this.#onConnected).on('data', this.#onData);
  }

  readonly #onConnected = (): void => {
    if (this.#isEnded) return;
    this.#isOpen = true;
    this.#user?.onConnect();
  };

  readonly #onSent = (): void => {
    this.sentAtMs = performance.now();
  };

  readonly #onRead = (bytes: number): boolean => {
    this.#onData(bytes === readBuffer.length ? readBuffer : readBuffer.subarray(0, bytes));
    // Pausing is done by `pause`, which works for both kinds of sockets.
    return true;
  };

  readonly #onData = (bytes: Buffer): void => {
    if (this.#isEnded) return;
    this.hasReceived = true;
    if (this.#user === undefined) {
      // Nobody asked.
      this.#endIdle();
      return;
    }
    this.#parser.push(bytes);
  };

  readonly #onSocketEnd = (): void => this.#end(new Error('the backend closed the connection'));

  readonly #onSocketError = (error: Error): void => this.#end(error);

  #end(error: Error): void {
    if (this.#isEnded) return;
    if (this.#user === undefined) {
      this.#endIdle();
      return;
    }
    const parser = this.#parser;
    if (parser.isPaused && !parser.isWhole) {
      this.#endAfterPause ??= error;
      return;
    }
    this.#isEnded = true;
    if (parser.isWhole) return;
    // A reset is no end that a server means.
    const wasClosed = !('code' in error);
    if (wasClosed && parser.finish()) return;
    this.#break(this.#isOpen ? (parser.isChunkedBeforeClose ? 'protocol' : 'reset') : 'connect', error);
  }

  #break(kind: BreakKind, error: Error): void {
    const user = this.#user;
    this.destroy();
    user?.onBreak(kind, error);
  }

  #endIdle(): void {
    this.destroy();
    this.#onIdleEnd(this);
  }
}

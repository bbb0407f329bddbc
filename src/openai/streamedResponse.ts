/**
 * A backend's response on its way to the caller. The answer begins with the first byte of the body, so that
 * everything that fails before can still be told with a status; after it, a broken response is broken off and
 * never looks complete. Runs on the fronts.
 */
import { NodeError, toNodeError } from '../errors/nodeError.js';
import { errorBody } from '../http/errorBody.js';
import type { Exchange } from '../http/exchange.js';
import { TopLevelMember } from '../lib/topLevelMember.js';
import type { UpstreamFault, UpstreamHandler, UpstreamResponse } from '../upstream/forward.js';
import { downstreamHeaders } from './headers.js';
import { passThrough, type ResponseFilter, renameInFrames, renameInObject } from './responseFilter.js';
import {
  type AttemptFaultKind,
  faultError,
  isEventStream,
  isJson,
  responseRefusal,
} from './upstreamStatus.js';

/** Who follows one attempt at a backend and may try another. */
export interface AttemptWatcher {
  /** The answer of the backend goes to the caller. */
  accepted(): void;
  /** All of it came. */
  completed(): void;
  /** It failed, in whatever part. True when another attempt takes over, so that the caller is told nothing. */
  failed(kind: AttemptFaultKind, error: NodeError): boolean;
}

/** The frame that ends an OpenAI stream, with nothing but blank lines behind it. */
const doneLine = /(?:^|[\r\n])data: ?\[DONE\][\r\n\s]*$/;
const doneTailBytes = 64;
const empty = Buffer.alloc(0);

export class StreamedResponse implements UpstreamHandler {
  readonly #x: Exchange;
  /** The name to map the model back to; `undefined` when it was not mapped. */
  readonly #renameTo: string | undefined;
  readonly #watcher: AttemptWatcher;
  #response: UpstreamResponse | undefined;
  #filter: ResponseFilter = passThrough;
  #isEventStream = false;
  /** The last bytes sent, to know whether an event frame is open. */
  #tail: Buffer = empty;
  /** Judges the end of a body that only the closing connection ends. */
  #received: Buffer = empty;
  #object: TopLevelMember | undefined;

  constructor(x: Exchange, renameTo: string | undefined, watcher: AttemptWatcher) {
    this.#x = x;
    this.#renameTo = renameTo;
    this.#watcher = watcher;
  }

  onResponse(response: UpstreamResponse): void {
    this.#x.attempt(() => this.#begin(response));
  }

  #begin(response: UpstreamResponse): void {
    const refusal = responseRefusal(response);
    if (refusal !== undefined) {
      const { status } = response;
      const kind = status < 400 ? 'status_3xx' : status < 500 ? 'status_4xx' : 'status_5xx';
      if (!this.#watcher.failed(kind, refusal)) this.#x.fail(refusal);
      return;
    }
    this.#watcher.accepted();
    const type = response.headers['content-type'];
    this.#response = response;
    // The caller's copy of the body is of no more use, and this answer may take minutes.
    this.#x.releaseBody();
    this.#isEventStream = isEventStream(type);
    const isEncoded = (response.headers['content-encoding'] ?? 'identity') !== 'identity';
    if (this.#renameTo !== undefined && !isEncoded && response.status < 300) {
      if (this.#isEventStream) this.#filter = renameInFrames(this.#renameTo);
      else if (isJson(type)) this.#filter = renameInObject(this.#renameTo);
    }
    if (!response.isFramed && isJson(type) && !isEncoded) this.#object = new TopLevelMember('');
  }

  onData(piece: Buffer): boolean {
    const x = this.#x;
    try {
      this.#judge(piece);
      const out = this.#filter.push(piece);
      return out.length === 0 || this.#send(out);
    } catch (thrown) {
      this.#break('protocol', toNodeError(thrown));
      return x.isOpen;
    }
  }

  onComplete(): void {
    this.#x.attempt(() => this.#complete());
  }

  #complete(): void {
    const x = this.#x;
    if (!this.#isWhole()) {
      this.#break('reset', new NodeError('upstream_reset', { meta: { reason: 'closed before the end' } }));
      return;
    }
    const rest = this.#filter.end();
    if (rest.length > 0) this.#send(rest);
    else this.#start();
    this.#watcher.completed();
    x.finish();
  }

  /** Comes from timers too, where nobody else would catch what it throws. */
  onFault(fault: UpstreamFault): void {
    this.#x.attempt(() => this.#break(fault.kind, faultError(fault.kind, fault.cause)));
  }

  #send(out: Buffer): boolean {
    this.#start();
    if (this.#isEventStream) this.#tail = tailOf(this.#tail, out, frameTailBytes);
    return this.#x.write(out);
  }

  #start(): void {
    const x = this.#x;
    if (x.isStarted || this.#response === undefined) return;
    const { status, headers, contentLength } = this.#response;
    x.phase = 'stream';
    // An event stream is sent chunked even when its length is announced: the error frame of one that breaks
    // off would fill the length up and make it look complete.
    const isCounted = this.#filter === passThrough && !this.#isEventStream;
    x.isTokenStream = this.#isEventStream && status < 300;
    x.start(status, downstreamHeaders(headers), isCounted ? contentLength : null);
  }

  #judge(piece: Buffer): void {
    if (this.#response?.isFramed !== false) return;
    if (this.#isEventStream) this.#received = tailOf(this.#received, piece, doneTailBytes);
    else this.#object?.scan(piece);
  }

  /** A framed body has ended when undici says so; for others the content must say it. */
  #isWhole(): boolean {
    if (this.#response?.isFramed !== false) return true;
    if (this.#isEventStream) return doneLine.test(this.#received.toString('latin1'));
    return this.#object?.isComplete ?? true;
  }

  #break(kind: AttemptFaultKind, error: NodeError): void {
    const x = this.#x;
    if (!x.isOpen) return;
    if (this.#watcher.failed(kind, error)) return;
    if (x.isStarted && this.#isEventStream) {
      // Clients that read frames learn why; the missing end of the body tells all others.
      const separator = endsFrame(this.#tail) ? '' : '\n\n';
      x.write(Buffer.from(`${separator}data: ${errorBody(error, 'openai')}\n\n`));
    }
    x.fail(error);
  }
}

const frameTailBytes = 8;

/** The last `size` bytes of what was seen so far and `piece`. */
function tailOf(tail: Buffer, piece: Buffer, size: number): Buffer {
  if (piece.length >= size) return Buffer.from(piece.subarray(-size));
  return Buffer.concat([tail, piece]).subarray(-size);
}

function endsFrame(tail: Buffer): boolean {
  const text = tail.toString('latin1');
  return text.endsWith('\n\n') || text.endsWith('\r\n\r\n') || text.endsWith('\r\r');
}

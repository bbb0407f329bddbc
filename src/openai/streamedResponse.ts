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
import { KeepAliveComments } from './keepAliveComments.js';
import { operationOf } from './operation.js';
import {
  type FrameStep,
  filterFrames,
  hideUsage,
  passThrough,
  type ResponseFilter,
  renameFrames,
  renameInObject,
} from './responseFilter.js';
import { TokenTally } from './tokenTally.js';
import {
  type AttemptFaultKind,
  faultError,
  isEventStream,
  isJson,
  responseRefusal,
} from './upstreamStatus.js';
import { readNoUsage, readUsageInFrames, readUsageInObject, type UsageReader } from './usageInResponse.js';

/** How the answer differs from what the backend sends. */
interface ResponseChanges {
  /** The name to map the model back to; `undefined` when it was not mapped. */
  readonly renameTo: string | undefined;
  /** Whether the caller did not ask for the frame with the token counts. */
  readonly hidesUsage: boolean;
  /** After how much silence a comment is sent; 0 for never. */
  readonly keepAliveMs: number;
}

/** Who follows one attempt at a backend and may try another. */
export interface AttemptWatcher {
  /** The answer of the backend goes to the caller. */
  accepted(): void;
  /** All of it came. May be told twice. */
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
  readonly #changes: ResponseChanges;
  readonly #watcher: AttemptWatcher;
  #response: UpstreamResponse | undefined;
  #filter: ResponseFilter = passThrough;
  #tally: TokenTally | undefined;
  /** `undefined` when the filter sees every frame anyway. */
  #usage: UsageReader | undefined;
  #keepAlive: KeepAliveComments | undefined;
  #isEventStream = false;
  #receivedBytes = 0;
  /** Compressed: text of ours between its bytes would only garble them. */
  #isEncoded = false;
  /** The last four bytes sent, to know whether an event frame is open. A number, since it changes with every frame. */
  #tail = 0;
  /** Judges the end of a body that only the closing connection ends. */
  #received: Buffer = empty;
  #object: TopLevelMember | undefined;

  constructor(x: Exchange, changes: ResponseChanges, watcher: AttemptWatcher) {
    this.#x = x;
    this.#changes = changes;
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
    this.#isEncoded = (response.headers['content-encoding'] ?? 'identity') !== 'identity';
    // Nothing stays of a response that another one took the place of.
    this.#filter = passThrough;
    this.#usage = undefined;
    this.#tally = undefined;
    if (response.status < 300) this.#readAndChange(type);
    if (!response.isFramed && isJson(type) && !this.#isEncoded) this.#object = new TopLevelMember('');
  }

  /** What is passed from a backend's error is neither counted nor changed. */
  #readAndChange(type: string | undefined): void {
    const x = this.#x;
    const { renameTo, hidesUsage } = this.#changes;
    const operation = operationOf(x.endpoint);
    const tally = new TokenTally({ record: x.inference, operation, requestBytes: x.receivedBytes });
    this.#tally = tally;
    if (this.#isEncoded) this.#usage = readNoUsage(tally);
    else if (this.#isEventStream) {
      const steps: FrameStep[] = [];
      if (hidesUsage) steps.push(hideUsage(tally));
      else this.#usage = readUsageInFrames(tally);
      if (renameTo !== undefined) steps.push(renameFrames(renameTo));
      if (steps.length > 0) this.#filter = filterFrames(steps);
    } else if (isJson(type)) {
      this.#usage = readUsageInObject(tally);
      if (renameTo !== undefined) this.#filter = renameInObject(renameTo);
    } else this.#usage = readNoUsage(tally);
  }

  onData(piece: Buffer): boolean {
    const x = this.#x;
    try {
      this.#judge(piece);
      this.#usage?.read(piece);
      const out = this.#filter.push(piece);
      this.#receivedBytes += piece.length;
      // Before the last bytes go out, not after: a caller who has them all may ask again at once.
      if (this.#receivedBytes === this.#response?.contentLength) this.#watcher.completed();
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
    this.#usage?.end();
    const rest = this.#filter.end();
    if (rest.length > 0) this.#send(rest);
    else if (!x.isStarted && this.#response !== undefined) this.#start(this.#response, empty);
    this.#watcher.completed();
    x.finish();
  }

  /** Comes from timers too, where nobody else would catch what it throws. */
  onFault(fault: UpstreamFault): void {
    this.#x.attempt(() => this.#break(fault.kind, faultError(fault.kind, fault.cause)));
  }

  #send(out: Buffer): boolean {
    if (this.#isEventStream) this.#tail = lastFour(this.#tail, out);
    const x = this.#x;
    if (!x.isStarted && this.#response !== undefined) return this.#start(this.#response, out);
    this.#keepAlive?.restart();
    return x.write(out);
  }

  /** Begins the answer, with `first` if there is a body. */
  #start({ status, headers, contentLength }: UpstreamResponse, first: Buffer): boolean {
    const x = this.#x;
    x.phase = 'stream';
    // An event stream is sent chunked even when its length is announced: the error frame of one that breaks
    // off would fill the length up and make it look complete.
    const isCounted = this.#filter === passThrough && !this.#isEventStream;
    if (this.#isEventStream && status < 300) x.beginTokenStream();
    this.#tally?.serve();
    const { keepAliveMs } = this.#changes;
    if (keepAliveMs > 0 && x.isTokenStream && !this.#isEncoded) {
      this.#keepAlive = new KeepAliveComments(x, keepAliveMs, () => endsFrame(this.#tail));
    }
    const length = isCounted ? contentLength : null;
    if (first.length > 0) return x.startWith(status, downstreamHeaders(headers), length, first);
    x.start(status, downstreamHeaders(headers), length);
    return true;
  }

  #judge(piece: Buffer): void {
    if (this.#response?.isFramed !== false) return;
    if (this.#isEventStream) this.#received = tailOf(this.#received, piece, doneTailBytes);
    else this.#object?.scan(piece);
  }

  /** A framed body has ended when its framing says so; for others the content must say it. */
  #isWhole(): boolean {
    if (this.#response?.isFramed !== false) return true;
    if (this.#isEventStream) return doneLine.test(this.#received.toString('latin1'));
    return this.#object?.isComplete ?? true;
  }

  #break(kind: AttemptFaultKind, error: NodeError): void {
    const x = this.#x;
    if (!x.isOpen) return;
    if (this.#watcher.failed(kind, error)) return;
    if (x.isStarted && this.#isEventStream && !this.#isEncoded) {
      // Clients that read frames learn why; the missing end of the body tells all others.
      const separator = endsFrame(this.#tail) ? '' : '\n\n';
      x.write(Buffer.from(`${separator}data: ${errorBody(error, 'openai')}\n\n`));
    }
    x.fail(error);
  }
}

/** The last `size` bytes of what was seen so far and `piece`. */
function tailOf(tail: Buffer, piece: Buffer, size: number): Buffer {
  if (piece.length >= size) return Buffer.from(piece.subarray(-size));
  return Buffer.concat([tail, piece]).subarray(-size);
}

/** The last four bytes of what was seen so far and `piece`, the last one lowest. */
function lastFour(tail: number, piece: Buffer): number {
  let four = tail;
  for (let at = Math.max(0, piece.length - 4); at < piece.length; at++) four = (four << 8) | piece[at]!;
  return four;
}

/** Whether these bytes end with a blank line, in any of the three ways. */
function endsFrame(four: number): boolean {
  const two = four & 0xffff;
  return two === 0x0a0a || two === 0x0d0d || four === 0x0d0a0d0a;
}

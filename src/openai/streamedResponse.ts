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
  faultError,
  isEventStream,
  isJson,
  responseRefusal,
  type UpstreamErrorKind,
} from './upstreamStatus.js';

interface ResponseReports {
  readonly countError: (kind: UpstreamErrorKind) => void;
  readonly report: (error: Error) => void;
}

const doneMark = '[DONE]';
const empty = Buffer.alloc(0);

export class StreamedResponse implements UpstreamHandler {
  readonly #x: Exchange;
  /** The name to map the model back to; `undefined` when it was not mapped. */
  readonly #renameTo: string | undefined;
  readonly #reports: ResponseReports;
  #response: UpstreamResponse | undefined;
  #filter: ResponseFilter = passThrough;
  #isEventStream = false;
  /** The last bytes sent, to know whether an event frame is open. */
  #tail: Buffer = empty;
  /** Judges the end of a body that only the closing connection ends. */
  #sawDone = false;
  #object: TopLevelMember | undefined;

  constructor(x: Exchange, renameTo: string | undefined, reports: ResponseReports) {
    this.#x = x;
    this.#renameTo = renameTo;
    this.#reports = reports;
  }

  onResponse(response: UpstreamResponse): void {
    const refusal = responseRefusal(response);
    if (refusal !== undefined) {
      const { status } = response;
      this.#reports.countError(status < 400 ? 'status_3xx' : status < 500 ? 'status_4xx' : 'status_5xx');
      this.#reports.report(refusal);
      this.#x.fail(refusal);
      return;
    }
    const type = response.headers['content-type'];
    this.#response = response;
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
    const x = this.#x;
    if (!x.isOpen) return;
    if (!this.#isWhole()) {
      this.#break('reset', new NodeError('upstream_reset', { meta: { reason: 'closed before the end' } }));
      return;
    }
    const rest = this.#filter.end();
    if (rest.length > 0) this.#send(rest);
    else this.#start();
    x.finish();
  }

  onFault(fault: UpstreamFault): void {
    this.#break(fault.kind, faultError(fault.kind, fault.cause));
  }

  #send(out: Buffer): boolean {
    this.#start();
    if (this.#isEventStream) this.#tail = tailOf(this.#tail, out);
    return this.#x.write(out);
  }

  #start(): void {
    const x = this.#x;
    if (x.isStarted || this.#response === undefined) return;
    const { status, headers, contentLength } = this.#response;
    x.phase = 'stream';
    x.start(status, downstreamHeaders(headers), this.#filter === passThrough ? contentLength : null);
  }

  #judge(piece: Buffer): void {
    if (this.#response?.isFramed !== false) return;
    if (this.#isEventStream) this.#sawDone ||= Buffer.concat([this.#tail, piece]).includes(doneMark);
    else this.#object?.scan(piece);
  }

  /** A framed body has ended when undici says so; for others the content must say it. */
  #isWhole(): boolean {
    if (this.#response?.isFramed !== false) return true;
    if (this.#isEventStream) return this.#sawDone;
    return this.#object?.isComplete ?? true;
  }

  #break(kind: UpstreamErrorKind, error: NodeError): void {
    const x = this.#x;
    if (!x.isOpen) return;
    this.#reports.countError(kind);
    this.#reports.report(error);
    if (x.isStarted && this.#isEventStream) {
      // Clients that read frames learn why; the missing end of the body tells all others.
      const separator = endsFrame(this.#tail) ? '' : '\n\n';
      x.write(`${separator}data: ${errorBody(error, 'openai')}\n\n`);
    }
    x.fail(error);
  }
}

const tailBytes = 8;

function tailOf(tail: Buffer, out: Buffer): Buffer {
  if (out.length >= tailBytes) return Buffer.from(out.subarray(-tailBytes));
  return Buffer.concat([tail, out]).subarray(-tailBytes);
}

function endsFrame(tail: Buffer): boolean {
  const text = tail.toString('latin1');
  return text.endsWith('\n\n') || text.endsWith('\r\n\r\n') || text.endsWith('\r\r');
}

/**
 * The last requests that a front has answered, kept until somebody asks. Numbers and texts lie in columns that are made
 * once, so that a request leaves no object behind: those would outlive the young generation and be copied by each of its
 * collections. Metadata only, nothing of content. Runs on the fronts.
 */
import type { RecentRequest } from '../console/statusDocument.js';
import type { Exchange } from '../http/exchange.js';

export type FrontRequest = Omit<RecentRequest, 'number'>;

export interface RequestBatch {
  /** How many the front has counted so far. */
  readonly count: number;
  /** The oldest first; those that were overwritten are missing. */
  readonly requests: readonly FrontRequest[];
}

/** What is kept of the exchange itself. */
export type EndedExchange = Pick<
  Exchange,
  'id' | 'endpoint' | 'caller' | 'errorCode' | 'inference' | 'receivedBytes' | 'sentBytes'
>;

/** How it ended. */
export type Ending = Pick<FrontRequest, 'atMs' | 'end' | 'status' | 'durationMs' | 'firstTokenMs'>;

const capacity = 128;
/** In place of a number that is not known. */
const unknown = Number.NaN;

export class RequestRing {
  #count = 0;
  readonly #ids = texts();
  readonly #endpoints = texts();
  readonly #models = texts();
  readonly #backends = texts();
  readonly #callers = texts();
  readonly #errorCodes = texts();
  readonly #ends = new Array<FrontRequest['end']>(capacity).fill('complete');
  readonly #areEstimated = new Uint8Array(capacity);
  readonly #atMs = numbers();
  readonly #statuses = numbers();
  readonly #durationsMs = numbers();
  readonly #firstTokensMs = numbers();
  readonly #inputTokens = numbers();
  readonly #outputTokens = numbers();
  readonly #receivedBytes = numbers();
  readonly #sentBytes = numbers();

  record(x: EndedExchange, { end, atMs, status, durationMs, firstTokenMs }: Ending): void {
    const at = this.#count % capacity;
    const { inference } = x;
    const usage = inference?.usage;
    this.#count++;
    this.#ids[at] = x.id;
    this.#endpoints[at] = x.endpoint;
    this.#models[at] = inference?.model ?? null;
    this.#backends[at] = inference?.backend ?? null;
    this.#callers[at] = x.caller ?? null;
    this.#errorCodes[at] = x.errorCode ?? null;
    this.#ends[at] = end;
    this.#areEstimated[at] = usage?.isEstimated === true ? 1 : 0;
    this.#atMs[at] = atMs;
    this.#statuses[at] = status;
    this.#durationsMs[at] = durationMs;
    this.#firstTokensMs[at] = firstTokenMs ?? unknown;
    this.#inputTokens[at] = usage?.inputTokens ?? unknown;
    this.#outputTokens[at] = usage?.outputTokens ?? unknown;
    this.#receivedBytes[at] = x.receivedBytes;
    this.#sentBytes[at] = x.sentBytes;
  }

  after(count: number): RequestBatch {
    const fresh = Math.max(0, Math.min(capacity, this.#count, this.#count - count));
    const first = this.#count - fresh;
    const requests = Array.from({ length: fresh }, (_, index) => this.#requestAt((first + index) % capacity));
    return { count: this.#count, requests };
  }

  #requestAt(at: number): FrontRequest {
    return {
      atMs: this.#atMs[at]!,
      id: this.#ids[at]!,
      endpoint: this.#endpoints[at]!,
      model: this.#models[at]!,
      backend: this.#backends[at]!,
      caller: this.#callers[at]!,
      status: this.#statuses[at]!,
      end: this.#ends[at]!,
      durationMs: this.#durationsMs[at]!,
      firstTokenMs: known(this.#firstTokensMs[at]!),
      inputTokens: known(this.#inputTokens[at]!),
      outputTokens: known(this.#outputTokens[at]!),
      areTokensEstimated: this.#areEstimated[at] === 1,
      errorCode: this.#errorCodes[at]!,
      receivedBytes: this.#receivedBytes[at]!,
      sentBytes: this.#sentBytes[at]!,
    };
  }
}

const texts = (): (string | null)[] => new Array<string | null>(capacity).fill(null);
const numbers = (): Float64Array => new Float64Array(capacity);
const known = (value: number): number | null => (Number.isNaN(value) ? null : value);

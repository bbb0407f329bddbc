/**
 * The head of a request, read once from uWS (whose request object dies with the callback), and the framing
 * checks that uWS leaves to us: it takes the first of two `Content-Length` or `Host` headers and reads any
 * `Transfer-Encoding` as chunked, which is how requests are smuggled past a proxy in front. Runs on the fronts.
 */
import type { HttpRequest } from 'uWebSockets.js';

export interface RequestHead {
  /** Upper case. */
  readonly method: string;
  /** As received, percent-encoding kept, without the query. */
  readonly path: string;
  /** Without the `?`; empty when there is none. */
  readonly query: string;
  /** By lower-case name; the first value where a harmless header repeats. */
  readonly headers: ReadonlyMap<string, string>;
  /** Names of harmless headers that were given more than once; `undefined` when there are none. */
  readonly repeatedHeaders: ReadonlySet<string> | undefined;
  /** `undefined` when the request has no body or a chunked one. */
  readonly contentLength: number | undefined;
  readonly hasBody: boolean;
  /** Why the framing is refused; `undefined` when it is sound. */
  readonly framingFault: string | undefined;
}

/** Headers of which a second one changes who signed what, or where the body ends. */
const onceOnly = new Set([
  'content-length',
  'host',
  'transfer-encoding',
  'authorization',
  'content-digest',
  'signature',
  'signature-input',
  'x-address',
  'x-nonce',
  'x-signature',
  'x-timestamp',
]);

const decimal = /^\d{1,15}$/;

export function readHead(request: HttpRequest): RequestHead {
  const headers = new Map<string, string>();
  let repeatedHeaders: Set<string> | undefined;
  let framingFault: string | undefined;
  request.forEach((name, value) => {
    if (!headers.has(name)) {
      headers.set(name, value);
      return;
    }
    if (onceOnly.has(name)) framingFault = `The header ${name} is given twice.`;
    repeatedHeaders ??= new Set();
    repeatedHeaders.add(name);
  });

  const length = headers.get('content-length');
  const encoding = headers.get('transfer-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
    framingFault = 'The only Transfer-Encoding understood here is chunked.';
  } else if (encoding !== undefined && length !== undefined) {
    framingFault = 'Content-Length and Transfer-Encoding exclude each other.';
  } else if (length !== undefined && !decimal.test(length)) {
    framingFault = 'Content-Length is not a decimal number.';
  }
  const contentLength = length === undefined || framingFault !== undefined ? undefined : Number(length);

  return {
    method: request.getCaseSensitiveMethod(),
    path: request.getUrl(),
    query: request.getQuery() ?? '',
    headers,
    repeatedHeaders,
    contentLength,
    hasBody: encoding !== undefined || (contentLength ?? 0) > 0,
    framingFault,
  };
}

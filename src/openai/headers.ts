/**
 * The headers that cross the node. Allow-lists both ways: callers' credentials and cookies stay here, and so
 * does whatever a backend says about itself. Runs on the fronts.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Backend } from '../config/modelBackends.js';
import type { HeaderList } from '../http/exchange.js';
import { parseTraceParent } from '../lib/traceparent.js';

const up = ['accept', 'content-type', 'openai-beta'] as const;
const upWithTrace = [...up, 'traceparent', 'tracestate'] as const;
const down = new Set([
  'content-type',
  'content-encoding',
  'cache-control',
  'retry-after',
  'openai-processing-ms',
]);

/**
 * Other bytes do not survive the way through strings, and the HTTP client refuses most of them, which would look
 * like a failure of the backend.
 */
const sendable = /^[\t\x20-\x7e]*$/;

/** What every request to a backend carries. */
export function backendHeaders({
  headers,
  apiKey,
  bearerToken,
}: Pick<Backend, 'headers' | 'apiKey' | 'bearerToken'>): Record<string, string> {
  return {
    ...(apiKey === '' ? {} : { 'x-api-key': apiKey }),
    ...(bearerToken === '' ? {} : { authorization: `Bearer ${bearerToken}` }),
    ...headers,
  };
}

export function upstreamHeaders(
  received: ReadonlyMap<string, string>,
  fixed: Readonly<Record<string, string>>,
  requestId: string,
  traceparent?: string,
): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  // Without a parent the state belongs to no trace (W3C Trace Context, section 4.3).
  const isTraced = parseTraceParent(received.get('traceparent')) !== undefined;
  for (const name of isTraced ? upWithTrace : up) {
    const value = received.get(name);
    if (value !== undefined && sendable.test(value)) headers[name] = value;
  }
  if (traceparent !== undefined) headers['traceparent'] = traceparent;
  return Object.assign(headers, fixed);
}

/** `x-request-id` is answered by the exchange itself, which forwarded its own upstream. */
export function downstreamHeaders(received: IncomingHttpHeaders): HeaderList {
  const headers: [string, string][] = [];
  for (const name in received) {
    if (!down.has(name) && !name.startsWith('x-ratelimit-')) continue;
    const value = received[name];
    if (typeof value === 'string') headers.push([name, value]);
  }
  return headers;
}

/** What a backend's status means for the caller. Runs on the fronts. */
import type { ErrorCodeName } from '../errors/codes.js';
import { NodeError } from '../errors/nodeError.js';
import type { UpstreamFaultKind, UpstreamResponse } from '../upstream/forward.js';

/** How an attempt at a backend failed. */
export type AttemptFaultKind = UpstreamFaultKind | 'status_3xx' | 'status_4xx' | 'status_5xx';
/** Why a request to a backend did not end well, as the metric label `kind`. */
export type UpstreamErrorKind = AttemptFaultKind | 'client_closed';

/** About the caller's request: the backend's own JSON explains them best. */
const passed = new Set([400, 404, 409, 413, 422, 429]);
/** About the operator's account with the backend, which is none of the caller's business. */
const credentials = new Set([401, 402, 403, 407]);

const jsonType = /^application\/(?:[\w.-]+\+)?json\b/i;
/** A server that starts or is full for a moment. */
const defaultRetryAfterS = 1;
const seconds = /^\d{1,6}$/;

export const isJson = (contentType: string | undefined): boolean =>
  contentType !== undefined && jsonType.test(contentType);

export const isEventStream = (contentType: string | undefined): boolean =>
  contentType?.toLowerCase().startsWith('text/event-stream') ?? false;

/** `undefined` when the response goes to the caller; else what the caller is told in its place. */
export function responseRefusal({ status, headers }: UpstreamResponse): NodeError | undefined {
  if (status < 300) return undefined;
  if (passed.has(status) && isJson(headers['content-type'])) return undefined;
  if (credentials.has(status)) return new NodeError('upstream_credentials', { meta: { status } });
  // A redirect is not followed: it would carry the operator's credentials to another host.
  if (status < 400) return new NodeError('upstream_error', { meta: { status } });
  const retryAfter = headers['retry-after'];
  const isGiven = retryAfter !== undefined && seconds.test(retryAfter);
  // Callers are told with every 503 when to come again.
  const retryAfterS = isGiven ? Number(retryAfter) : status === 503 ? defaultRetryAfterS : undefined;
  return new NodeError('upstream_error', { status, meta: { status, retryAfterS } });
}

const faultCodes = {
  connect: 'upstream_unreachable',
  connect_timeout: 'upstream_timeout',
  first_byte_timeout: 'upstream_timeout',
  idle_timeout: 'upstream_timeout',
  total_timeout: 'upstream_timeout',
  reset: 'upstream_reset',
  protocol: 'upstream_reset',
} as const satisfies Record<UpstreamFaultKind, ErrorCodeName>;

export function faultError(kind: UpstreamFaultKind, cause: unknown): NodeError {
  return new NodeError(faultCodes[kind], { meta: { kind }, cause });
}

/**
 * The one table of error codes: what HTTP status a code answers with, whose fault it is, whether the same
 * request may succeed later, and the sentence a caller may safely read. Runs everywhere.
 */

/** Whose fault an error is; decides the log level and the metric it counts in. */
export type ErrorSource = 'client' | 'upstream' | 'chain' | 'internal';

export interface ErrorCode {
  /** HTTP status; 0 for errors that never reach an HTTP caller. */
  readonly status: number;
  readonly source: ErrorSource;
  readonly retryable: boolean;
  /** Safe for anyone to read: no secret, no internal address, no raw upstream text. */
  readonly message: string;
  /** Seconds for `Retry-After`, on every 429 and 503. */
  readonly retryAfterS?: number;
}

const code = (
  status: number,
  source: ErrorSource,
  retryable: boolean,
  message: string,
  retryAfterS?: number,
): ErrorCode =>
  retryAfterS === undefined
    ? { status, source, retryable, message }
    : { status, source, retryable, message, retryAfterS };

export const errorCodes = {
  // Authentication
  auth_missing: code(401, 'client', false, 'The request is not signed.'),
  auth_malformed: code(401, 'client', false, 'A signature header is malformed.'),
  auth_expired: code(401, 'client', false, 'The timestamp is outside the accepted window.'),
  auth_unknown_caller: code(401, 'client', false, 'This address may not call this route.'),
  auth_bad_signature: code(401, 'client', false, 'The signature does not match the request.'),
  auth_replayed: code(401, 'client', false, 'This nonce was used before.'),

  // Requests
  invalid_json: code(400, 'client', false, 'The body is not a valid JSON object.'),
  invalid_request: code(400, 'client', false, 'The request is not valid.'),
  unknown_type: code(400, 'client', false, 'This challenge type is not known.'),
  invalid_payload: code(400, 'client', false, 'The challenge payload is not valid.'),
  commitment_not_found: code(404, 'client', false, 'This commitment is not held here.'),
  commitment_opened: code(409, 'client', false, 'This round of the commitment was opened before.'),
  commitment_expired: code(410, 'client', false, 'This commitment has expired.'),
  model_not_found: code(404, 'client', false, 'This model is not served here.'),
  route_not_found: code(404, 'client', false, 'There is no such route.'),
  method_not_allowed: code(405, 'client', false, 'This method is not allowed here.'),
  body_too_large: code(413, 'client', false, 'The body is larger than this node accepts.'),

  // The console on the admin port
  console_login_required: code(401, 'client', false, 'Sign in with the token of this node.'),
  console_token_wrong: code(401, 'client', false, "This is not the token in this node's home folder."),
  console_cross_site: code(403, 'client', false, "Only the console's own page may ask for this."),
  console_host_unknown: code(
    421,
    'client',
    false,
    'The console does not answer to this host name; admin.hosts in config.yaml can add it.',
  ),

  // Load and availability
  queue_full: code(429, 'internal', true, 'Too many requests are waiting for this model.', 1),
  rate_limited: code(429, 'client', true, 'The rate limit of this caller is used up.', 1),
  queue_timeout: code(503, 'internal', true, 'No backend became free in time.', 1),
  no_backend: code(503, 'upstream', true, 'No backend for this model is available.', 5),
  registry_unavailable: code(503, 'chain', true, 'The registry of callers is not available yet.', 5),
  replay_table_full: code(503, 'internal', true, 'The replay table is full.', 1),
  replay_store_unavailable: code(503, 'internal', true, 'The store of used nonces cannot be asked.', 1),
  limits_unavailable: code(503, 'internal', true, "This caller's limits cannot be checked.", 1),
  session_table_full: code(503, 'internal', true, 'This node holds as many sessions as it can.', 30),
  session_store_unavailable: code(503, 'internal', true, 'The store of sessions cannot be asked.', 1),
  not_registered: code(503, 'chain', true, 'This node is not an active registered provider.', 60),
  draining: code(503, 'internal', true, 'This node is shutting down.', 5),

  // Upstream
  upstream_unreachable: code(502, 'upstream', true, 'The model backend could not be reached.'),
  upstream_reset: code(502, 'upstream', true, 'The model backend broke off the response.'),
  upstream_credentials: code(502, 'upstream', false, "The model backend refused this node's credentials."),
  upstream_timeout: code(504, 'upstream', true, 'The model backend did not answer in time.'),
  upstream_error: code(502, 'upstream', true, 'The model backend failed.'),

  compute_failed: code(500, 'internal', true, 'The computation failed.'),
  compute_timeout: code(504, 'internal', true, 'The computation did not end within its deadline.'),
  internal_error: code(500, 'internal', true, 'The node failed to handle the request.'),

  // Never sent to an HTTP caller
  config_invalid: code(0, 'internal', false, 'The configuration is not valid.'),
  key_file: code(0, 'internal', false, 'The key file cannot be used.'),
  port_in_use: code(0, 'internal', false, 'The port is already in use.'),
  home_locked: code(0, 'internal', false, 'Another node runs in this home folder.'),
  snapshot_overflow: code(0, 'internal', false, 'A snapshot is larger than its shared-memory cell.'),
  snapshot_corrupt: code(0, 'internal', true, 'A snapshot could not be read back.'),
  provider_refused: code(0, 'client', false, 'The contracts do not allow this now.'),
  transaction_failed: code(0, 'chain', false, 'The transaction did not have its effect.'),
  transaction_pending: code(0, 'chain', true, 'The transaction is not confirmed yet.'),
  rpc_failed: code(0, 'chain', true, 'No RPC endpoint gave a usable answer.'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof errorCodes;

/**
 * Why a request got no answer, as a closed union that may be told to strangers: what a system or TLS library says of
 * a failure can hold addresses and certificates. Runs in main.
 */
import { systemErrorCode } from '../lib/systemErrorCode.js';

export type TransportFailure =
  | 'dns_failed'
  | 'connection_refused'
  | 'connection_reset'
  | 'unreachable'
  | 'tls_failed'
  | 'protocol_error'
  | 'too_many_redirects'
  | 'timeout';

/** How far a request had come. */
export type RequestPhase = 'connect' | 'tls' | 'exchange';

/** What the codes of the system mean in any phase; without one of these it is the phase that tells. */
const bySystemCode: Readonly<Record<string, TransportFailure>> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  ECONNABORTED: 'connection_reset',
  EPIPE: 'connection_reset',
  ETIMEDOUT: 'timeout',
};

const byPhase: Readonly<Record<RequestPhase, TransportFailure>> = {
  connect: 'unreachable',
  tls: 'tls_failed',
  exchange: 'protocol_error',
};

export function transportFailureOf(thrown: unknown, phase: RequestPhase): TransportFailure {
  const code = systemErrorCode(thrown);
  const known = code !== undefined && Object.hasOwn(bySystemCode, code) ? bySystemCode[code] : undefined;
  // A peer that speaks no TLS mostly hangs up on the first bytes.
  if (phase === 'tls' && known === 'connection_reset') return 'tls_failed';
  return known ?? byPhase[phase];
}

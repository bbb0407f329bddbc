/**
 * ENDPOINT_REACHABLE: whether a URL that the scheduler names answers with 2xx when this node asks. The node must not be
 * a way into the network it stands in, so the guard of `src/egress` decides what may be asked. Runs in main.
 */
import * as Type from 'typebox';
import type { TargetRefusal } from '../egress/checkTarget.js';
import type { GuardedRequest } from '../egress/guardedRequest.js';
import type { TransportFailure } from '../egress/transportFailure.js';
import { type Challenger, defineChallenger, invalidPayload } from './challenger.js';

export interface ReachabilityAnswer {
  readonly reachable: boolean;
  /** Present when there was no answer to judge by. */
  readonly error?: TransportFailure | 'redirect_refused';
}

export interface EndpointReachableOptions {
  readonly request: GuardedRequest;
  /** For names, connections and redirects together. */
  readonly deadlineMs?: number;
}

const defaultDeadlineMs = 5_000;
/** For the answer to be written after the request's own deadline passed. */
const marginMs = 1_000;
const maxRedirects = 3;

/** Told to the scheduler, who named the URL; what a name resolved to is not. */
const refusals: Readonly<Record<TargetRefusal, string>> = {
  not_a_url: 'expected an absolute URL',
  not_http: 'expected a URL that starts with http:// or https://',
  credentials: 'expected a URL without user name and password',
  private_host: 'expected a URL of a public host',
};

export function createEndpointReachableChallenger({
  request,
  deadlineMs = defaultDeadlineMs,
}: EndpointReachableOptions): Challenger {
  return defineChallenger({
    type: 'ENDPOINT_REACHABLE',
    payload: Type.String({ description: 'a URL as a string' }),
    deadlineMs: deadlineMs + marginMs,
    async run(url, { signal }): Promise<ReachabilityAnswer> {
      const outcome = await request({ method: 'GET', url, deadlineMs, maxRedirects, signal });
      if (outcome.kind === 'answered') {
        return { reachable: outcome.status >= 200 && outcome.status <= 299 };
      }
      if (outcome.kind === 'failed') return { reachable: false, error: outcome.failure };
      if (outcome.redirects > 0) return { reachable: false, error: 'redirect_refused' };
      throw invalidPayload(refusals[outcome.reason], { reason: outcome.reason });
    },
  });
}

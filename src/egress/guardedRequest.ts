/**
 * HTTP requests to addresses that strangers name. A URL that leads into this machine or its network is refused, before
 * anything is connected and again at every redirect; the name is resolved once and the connection goes where the check
 * looked. One deadline covers everything, no more than the head of an answer is read, and nothing is sent along: no
 * cookies, no credentials. Every request has a connection of its own, and no proxy of the environment is asked.
 * Runs in main.
 */
import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import type { Socket } from 'node:net';
import { type Deadline, startDeadline } from '../lib/deadline.js';
import { readAllowedHosts } from './allowedHosts.js';
import { checkTarget, type Target, type TargetRefusal } from './checkTarget.js';
import { type Connect, connectPinned, openConnection } from './openConnection.js';
import { createResolveHost, type ResolveHost } from './resolveHost.js';
import { type RequestPhase, type TransportFailure, transportFailureOf } from './transportFailure.js';

export interface GuardedRequestSetup {
  /** Hosts that are requested although they are not public: exact names, addresses, CIDR ranges; any port. */
  readonly allowHosts: readonly string[];
  readonly resolve?: ResolveHost;
  /** Replaces the connecting itself. Whoever does that answers for where it goes. */
  readonly connect?: Connect;
  /** Certificates (PEM) to trust instead of the usual ones. */
  readonly ca?: string;
}

export interface GuardedRequestOptions {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  /** For everything together: names, connections, redirects. */
  readonly deadlineMs: number;
  /** One more is a failure; with 0 a redirect is an answer like any other. */
  readonly maxRedirects: number;
  readonly signal: AbortSignal;
}

export type GuardedOutcome =
  /** `headers` are a stranger's and bounded in size. */
  | { readonly kind: 'answered'; readonly status: number; readonly headers: IncomingHttpHeaders }
  /** `redirects` is how many were followed before the refused one; 0 for the URL itself. */
  | { readonly kind: 'refused'; readonly reason: TargetRefusal; readonly redirects: number }
  | { readonly kind: 'failed'; readonly failure: TransportFailure };

/** Rejects only with the reason of an aborted signal: then nothing was found out. */
export type GuardedRequest = (options: GuardedRequestOptions) => Promise<GuardedOutcome>;

/** Nobody reads more than a status and a few headers; the default of Node.js, but the environment could raise that. */
const maxHeaderBytes = 16_384;
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];
const userAgent = 'fxn-provider-node';

export function createGuardedRequest(setup: GuardedRequestSetup): GuardedRequest {
  const { connect = connectPinned, ca } = setup;
  const guard = {
    allowed: readAllowedHosts(setup.allowHosts),
    resolve: setup.resolve ?? createResolveHost(),
  };

  const follow = async (
    { method, url, maxRedirects, signal }: GuardedRequestOptions,
    deadline: Deadline,
  ): Promise<GuardedOutcome> => {
    const ended = deadline.signal;
    /** What to make of a failure: the caller's abort goes to the caller, the deadline comes before any other. */
    const failed = (failure: TransportFailure): GuardedOutcome => {
      signal.throwIfAborted();
      return { kind: 'failed', failure: deadline.hasPassed ? 'timeout' : failure };
    };

    let text = url;
    let base: URL | undefined;
    for (let redirects = 0; ; redirects++) {
      const check = await beforeAbort(
        checkTarget(text, guard, { signal: ended, ...(base !== undefined && { base }) }),
        ended,
      );
      if (check === undefined) return failed('timeout');
      if (check.kind === 'unresolved') return failed('dns_failed');
      if (check.kind === 'refused') return { ...check, redirects };

      const { target } = check;
      let phase: RequestPhase = 'connect';
      let head: Head;
      try {
        const socket = await openConnection({
          target,
          connect,
          ca,
          signal: ended,
          onPhase: (next) => {
            phase = next;
          },
        });
        phase = 'exchange';
        head = await exchange({ target, method, socket, signal: ended });
      } catch (thrown) {
        return failed(transportFailureOf(thrown, phase));
      }

      const location = redirectStatuses.includes(head.status) ? head.headers.location : undefined;
      if (location === undefined || maxRedirects === 0) return { kind: 'answered', ...head };
      if (redirects === maxRedirects) return failed('too_many_redirects');
      text = location;
      base = target.url;
    }
  };

  return async (options) => {
    options.signal.throwIfAborted();
    const deadline = startDeadline(options.deadlineMs, options.signal);
    try {
      return await follow(options, deadline);
    } finally {
      deadline.end();
    }
  };
}

/** `undefined` when the signal came first: what is pending then may go on, and nobody waits for it. */
function beforeAbort<T>(pending: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    signal.addEventListener('abort', abort, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

interface ExchangeOptions {
  readonly target: Target;
  readonly method: string;
  readonly socket: Socket;
  readonly signal: AbortSignal;
}

/** Sends the request and reads the head of the answer. The socket is gone afterwards, whatever happens. */
function exchange({ target, method, socket, signal }: ExchangeOptions): Promise<Head> {
  return new Promise<Head>((resolve, reject) => {
    const request = requestHttp({
      // Without an agent there is nobody who keeps the connection or looks for a proxy.
      createConnection: () => socket,
      method,
      path: `${target.url.pathname}${target.url.search}`,
      headers: { host: target.url.host, 'user-agent': userAgent, accept: '*/*', connection: 'close' },
      setHost: false,
      maxHeaderSize: maxHeaderBytes,
      insecureHTTPParser: false,
      signal,
    });
    request.once('response', (response) => {
      const { statusCode: status, headers } = response;
      // Destroying it makes it complain that it is not whole.
      response.on('error', ignore);
      if (status === undefined) reject(new Error('no status'));
      else resolve({ status, headers });
    });
    request.once('upgrade', () => reject(new Error('switched protocols unasked')));
    request.on('error', reject);
    request.end();
  }).finally(() => socket.destroy());
}

const ignore = (): undefined => undefined;

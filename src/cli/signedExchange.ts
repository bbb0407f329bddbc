/**
 * One signed request and its answer, as a gateway or scheduler makes it. The answer's body is read by the
 * caller while it arrives. Runs in the command line and the demo.
 */
import { randomBytes } from 'node:crypto';
import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { signHttpMessage } from '../auth/signHttpMessage.js';
import { type RequestSigner, signRequest } from '../auth/signRequest.js';
import { type Clock, nowSeconds, systemClock } from '../lib/clock.js';

/** How to sign; the chain is the one whose registries know the signer. */
export type SigningScheme =
  | { readonly name: 'legacy' }
  | { readonly name: 'rfc9421'; readonly chainId: number };

export interface SignedRequest {
  readonly url: URL;
  /** Upper case. */
  readonly method: string;
  readonly body: Uint8Array;
  readonly signer: RequestSigner;
  readonly scheme?: SigningScheme;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** False where a node must not see the same body twice, the second time with a head start; true by default. */
  readonly maySignAgain?: boolean;
  /** Told before the request is signed a second time. */
  readonly onSecondAttempt?: () => void;
}

export interface SignedAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  /** The code of a node's refusal to accept the signature. */
  readonly refusal?: unknown;
  /** Throws when the connection breaks before the body is complete. */
  readonly body: AsyncIterable<Uint8Array>;
  /** On the clock of `performance.now()`: when the attempt that was answered began. */
  readonly sentAtMs: number;
}

/** The network did not carry the request or the answer; the message is for the user. */
export class ExchangeFailed extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ExchangeFailed';
  }
}

/** Name lookup, TCP and TLS together. */
const connectDeadlineMs = 5_000;
/** Longer than nodes wait for a backend by default, so that their own answer comes first. */
const silenceDeadlineMs = 10 * 60_000;
const nonceBytes = 8;
/** What nodes accept by default at most. */
const validityS = 60;
const maxRefusalBytes = 64 * 1_024;

/**
 * A node refuses what is dated at or before the second it started in, because an earlier process might have
 * served it: whoever asks a node that has just started signs once more, a second later.
 */
export async function exchangeSigned(request: SignedRequest): Promise<SignedAnswer> {
  const { clock = systemClock, maySignAgain = true } = request;
  const signedAtS = nowSeconds(clock);
  const first = await attempt(request, signedAtS);
  if (first.refusal !== 'auth_expired' || !maySignAgain) return first;
  request.onSecondAttempt?.();
  const waitMs = Math.max(0, (signedAtS + 1) * 1_000 - clock.nowMs());
  await sleep(waitMs, undefined, { signal: request.signal });
  return attempt(request, Math.max(nowSeconds(clock), signedAtS + 1));
}

async function attempt(request: SignedRequest, timestampS: number): Promise<SignedAnswer> {
  const headers = signatureHeaders(request, timestampS);
  const sentAtMs = performance.now();
  const response = await open(request, headers);
  const answer = {
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    headers: response.headers,
    body: bodyOf(response, request),
    sentAtMs,
  };
  if (answer.status !== 401) return answer;
  const refused = await readBounded(answer.body);
  return { ...answer, refusal: codeOf(refused), body: replay(refused) };
}

function signatureHeaders(request: SignedRequest, timestampS: number): object {
  const { signer, body, url, method, scheme = { name: 'legacy' } } = request;
  const nonce = randomBytes(nonceBytes).toString('hex');
  if (scheme.name === 'legacy') return signRequest({ signer, body, timestampS, nonce });
  return signHttpMessage({
    signer,
    chainId: scheme.chainId,
    method,
    url,
    body,
    createdS: timestampS,
    expiresS: timestampS + validityS,
    nonce,
  });
}

function open({ url, method, body, signal }: SignedRequest, signature: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const isTls = url.protocol === 'https:';
    const message = (isTls ? requestHttps : requestHttp)(url, {
      method,
      agent: new (isTls ? HttpsAgent : HttpAgent)({ keepAlive: false }),
      headers: {
        ...(body.length > 0 ? { 'Content-Type': 'application/json' } : {}),
        'Content-Length': body.length,
        'User-Agent': 'fxn',
        ...signature,
      },
      signal,
    });
    const deadline = setTimeout(
      () =>
        message.destroy(
          new ExchangeFailed(
            `${url.host} did not accept a connection within ${connectDeadlineMs / 1_000} s.`,
          ),
        ),
      connectDeadlineMs,
    );
    message.once('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(deadline));
      socket.setTimeout(silenceDeadlineMs, () => message.destroy(silence(url)));
    });
    message.once('error', (thrown) => {
      clearTimeout(deadline);
      reject(explain(thrown, url, signal));
    });
    message.once('response', resolve);
    message.end(body);
  });
}

async function* bodyOf(
  response: IncomingMessage,
  { url, signal }: SignedRequest,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of response) yield piece as Buffer;
  } catch (thrown) {
    throw explain(thrown, url, signal, 'The connection broke before the answer was complete');
  }
}

const silence = (url: URL): ExchangeFailed =>
  new ExchangeFailed(`${url.host} was silent for ${silenceDeadlineMs / 60_000} minutes.`);

/** An abort stays what it is; everything else is said in words. */
function explain(
  thrown: unknown,
  url: URL,
  signal: AbortSignal,
  what = `Cannot reach ${url.origin}`,
): unknown {
  if (signal.aborted || thrown instanceof ExchangeFailed) return thrown;
  const code = String((thrown as NodeJS.ErrnoException).code ?? '');
  // With several addresses tried, the error is an aggregate whose own message is empty.
  const detail = failureWords[code] ?? ((thrown as Error).message || code);
  return new ExchangeFailed(`${what}: ${detail}`, thrown);
}

const failureWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused). Does the node run?',
  ENOTFOUND: 'the name is not known.',
  EAI_AGAIN: 'the name could not be looked up.',
  EPROTO: 'it does not speak TLS; use http://.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; use http://.',
  ECONNRESET: 'the connection was reset.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for another name. Give the URL with the name that the certificate is for.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed. Name a CA file in NODE_EXTRA_CA_CERTS.',
};

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > maxRefusalBytes) break;
  }
  return Buffer.concat(pieces);
}

async function* replay(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function codeOf(refusal: Buffer): unknown {
  try {
    return (JSON.parse(refusal.toString('utf8')) as { error?: { code?: unknown } } | null)?.error?.code;
  } catch {
    // Some other server's page: no code of ours.
    return undefined;
  }
}

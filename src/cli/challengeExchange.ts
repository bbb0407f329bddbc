/** One signed challenge to a node and its whole answer, up to a bound. Runs in the command line. */
import type { RequestSigner } from '../auth/signRequest.js';
import { exchangeSigned, type SignedAnswer, type SigningScheme } from './signedExchange.js';

export interface ChallengeSender {
  /** Of the node's `/challenge`. */
  readonly url: URL;
  readonly signer: RequestSigner;
  readonly scheme: SigningScheme;
  readonly maySignAgain: boolean;
  /** Told before a challenge is signed a second time. */
  readonly onSecondAttempt?: () => void;
}

export interface SentChallenge {
  readonly type: string;
  /** JSON. */
  readonly payload: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** What to throw when the answer is larger. */
  readonly tooLarge: () => Error;
}

export interface ChallengeAnswer extends Omit<SignedAnswer, 'body'> {
  readonly text: string;
  readonly bytes: number;
  /** On the clock of `performance.now()`; `undefined` when no byte came. */
  readonly firstByteAtMs: number | undefined;
  readonly answeredAtMs: number;
}

export const challengePath = '/challenge';

export async function sendChallenge(
  { url, signer, scheme, maySignAgain, onSecondAttempt }: ChallengeSender,
  { type, payload, maxBytes, signal, tooLarge }: SentChallenge,
): Promise<ChallengeAnswer> {
  const { body, ...answer } = await exchangeSigned({
    url,
    method: 'POST',
    // The payload as it was written: parsed and printed again, large numbers would change.
    body: Buffer.from(`{"type":${JSON.stringify(type)},"payload":${payload}}`, 'utf8'),
    signer,
    scheme,
    signal,
    maySignAgain,
    ...(onSecondAttempt === undefined ? {} : { onSecondAttempt }),
  });
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  let firstByteAtMs: number | undefined;
  for await (const piece of body) {
    firstByteAtMs ??= performance.now();
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  const answeredAtMs = performance.now();
  return { ...answer, text: Buffer.concat(pieces).toString('utf8'), bytes, firstByteAtMs, answeredAtMs };
}

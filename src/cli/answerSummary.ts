/** The line about an answer that commands print beside it, on standard error. Runs in the command line. */
import type { SignedAnswer } from './signedExchange.js';

export interface AnswerFigures {
  /** On the clock of `performance.now()`; `undefined` when no byte came. */
  readonly firstByteAtMs: number | undefined;
  readonly bytes: number;
}

export function answerSummary(
  { status, statusText, headers, sentAtMs }: Omit<SignedAnswer, 'body'>,
  { firstByteAtMs, bytes }: AnswerFigures,
): string {
  const id = headers['x-request-id'];
  return [
    `${status} ${statusText}`.trim(),
    ...(id === undefined ? [] : [`request ${id}`]),
    ...(firstByteAtMs === undefined ? [] : [`first byte ${durationWords(firstByteAtMs - sentAtMs)}`]),
    `total ${durationWords(performance.now() - sentAtMs)}`,
    `${bytes} bytes`,
  ].join('  ');
}

export const durationWords = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;

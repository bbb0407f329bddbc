/** The lines about an answer that commands print beside it, on standard error. Runs in the command line. */
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

export interface CompletionFigures {
  /** On the clock of `performance.now()`, as all others. */
  readonly sentAtMs: number;
  /** `undefined` of an answer that came as a whole, or held no text. */
  readonly firstTokenAtMs: number | undefined;
  readonly lastByteAtMs: number;
  readonly tokens: number;
  /** False where the events of the stream were counted instead. */
  readonly areCounted: boolean;
}

/** How fast a completion came. The rate is that of the tokens after the first, where the answer was streamed. */
export function completionTiming(figures: CompletionFigures): string {
  const { sentAtMs, firstTokenAtMs, lastByteAtMs, tokens, areCounted } = figures;
  const [from, counted] = firstTokenAtMs === undefined ? [sentAtMs, tokens] : [firstTokenAtMs, tokens - 1];
  const seconds = (lastByteAtMs - from) / 1_000;
  return [
    ...(firstTokenAtMs === undefined ? [] : [`first token ${durationWords(firstTokenAtMs - sentAtMs)}`]),
    `${areCounted ? '' : 'about '}${tokens} ${tokens === 1 ? 'token' : 'tokens'}`,
    ...(counted > 0 && seconds > 0 ? [`${(counted / seconds).toFixed(1)} tokens/s`] : []),
  ].join('  ');
}

export const durationWords = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;

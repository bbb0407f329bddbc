/** Has an inference server stream one token, as the node would ask for it. Runs in the command line. */
import { type HttpAnswer, requestHttp } from '../lib/httpRequest.js';
import { isRecord, parseJson } from '../lib/unknownJson.js';

export interface GenerateTokenOptions {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly model: string;
  readonly signal: AbortSignal;
}

export type GeneratedToken =
  | { readonly kind: 'token'; readonly firstTokenMs: number }
  | { readonly kind: 'none'; readonly reason: string };

/** A model may have to be loaded first. */
const deadlineMs = 60_000;
const maxBytes = 1_024 * 1_024;

const questions: readonly { readonly path: string; readonly prompt: object }[] = [
  { path: '/v1/chat/completions', prompt: { messages: [{ role: 'user', content: 'Hi' }] } },
  // Base models have no chat template.
  { path: '/v1/completions', prompt: { prompt: 'Hi' } },
];

export async function generateToken(options: GenerateTokenOptions): Promise<GeneratedToken> {
  const signal = AbortSignal.any([AbortSignal.timeout(deadlineMs), options.signal]);
  let reason = '';
  for (const { path, prompt } of questions) {
    const body = JSON.stringify({ model: options.model, ...prompt, max_tokens: 1, stream: true });
    const beganAtMs = performance.now();
    try {
      const answer = await requestHttp({
        url: new URL(`${options.url}${path}`),
        method: 'POST',
        headers: { ...options.headers, 'content-type': 'application/json', accept: 'text/event-stream' },
        body,
        signal,
      });
      const found = await readFirstEvent(answer);
      if (found === undefined) return { kind: 'token', firstTokenMs: performance.now() - beganAtMs };
      // The first question is what the node is mostly asked.
      if (reason === '') reason = `${path}: ${found}`;
    } catch {
      options.signal.throwIfAborted();
      const what = signal.aborted ? `nothing within ${deadlineMs / 1_000} s` : 'the connection broke';
      return { kind: 'none', reason: `${path}: ${what}` };
    }
  }
  return { kind: 'none', reason };
}

/** Why there was no token; `undefined` when there was one. */
async function readFirstEvent({ status, body }: HttpAnswer): Promise<string | undefined> {
  try {
    let text = '';
    for await (const piece of body as AsyncIterable<Buffer>) {
      text += piece.toString('utf8');
      if (text.length > maxBytes) return 'an answer without an event';
      if (status === 200 && hasChoice(text)) return undefined;
    }
    if (status !== 200) return `HTTP ${status}${said(text)}`;
    return 'no event with a choice came';
  } finally {
    body.destroy();
  }
}

/** Thinking models begin with events that hold no content, so any choice counts. */
const hasChoice = (text: string): boolean =>
  text.split('\n').some((line) => {
    const event = line.startsWith('data:') ? parseJson(line.slice('data:'.length)) : undefined;
    return isRecord(event) && Array.isArray(event['choices']) && event['choices'].length > 0;
  });

function said(text: string): string {
  const answer = parseJson(text);
  const error = isRecord(answer) ? answer['error'] : undefined;
  const message = isRecord(error) ? error['message'] : error;
  return typeof message === 'string' ? ` (${message.slice(0, 200)})` : '';
}

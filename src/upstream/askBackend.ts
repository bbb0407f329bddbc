/**
 * One question to a backend about itself, without costing a token: a status, and what JSON came with it. Runs in
 * main, and apart from the connections that carry requests.
 */
import { type HttpAnswer, requestHttp } from '../lib/httpRequest.js';

export interface BackendQuestion {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the wait; an answer whose head has come by then still counts. */
  readonly signal: AbortSignal;
}

export interface BackendAnswer {
  readonly status: number;
  /** The parsed body of a 200; `undefined` when it is no JSON, too large, or did not end in time. */
  readonly json: unknown;
}

/** Model lists of large hosted catalogues are some hundred kilobytes. */
const maxBodyBytes = 1_024 * 1_024;

/**
 * `undefined` when there is no answer: refused, reset, silent or garbled, which is all the same here. Redirects are
 * not followed, because the headers hold credentials for this origin.
 */
export async function askBackend(question: BackendQuestion): Promise<BackendAnswer | undefined> {
  const { url, path, headers, signal } = question;
  let answer: HttpAnswer;
  try {
    answer = await requestHttp({
      url: new URL(`${url}${path}`),
      method: 'GET',
      headers: { ...headers, accept: 'application/json' },
      signal,
    });
  } catch {
    return undefined;
  }
  return { status: answer.status, json: await readJson(answer) };
}

async function readJson({ status, body }: HttpAnswer): Promise<unknown> {
  try {
    if (status !== 200) return undefined;
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of body as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > maxBodyBytes) return undefined;
      pieces.push(piece);
    }
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    // Broken off, late or no JSON: the status is all that was learnt.
    return undefined;
  } finally {
    // A body left unread would hold the connection; after its end this does nothing.
    body.destroy();
  }
}

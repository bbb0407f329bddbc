/**
 * One question to a backend about itself, without costing a token: a status, and what JSON came with it. Runs in
 * main, with the built-in `fetch`: main has no other use for an HTTP client, and loading one would delay the start.
 */

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
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      headers: { ...headers, accept: 'application/json' },
      signal,
      redirect: 'manual',
    });
  } catch {
    return undefined;
  }
  const { status } = response;
  return { status, json: await readJson(response) };
}

async function readJson({ status, body }: Response): Promise<unknown> {
  if (body === null) return undefined;
  const reader = body.getReader();
  try {
    if (status !== 200) return undefined;
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return JSON.parse(Buffer.concat(pieces).toString('utf8'));
      bytes += value.byteLength;
      if (bytes > maxBodyBytes) return undefined;
      pieces.push(value);
    }
  } catch {
    // Broken off, late or no JSON: the status is all that was learnt.
    return undefined;
  } finally {
    // A body left unread would hold the connection; after its end this does nothing.
    reader.cancel().catch(() => undefined);
  }
}

/**
 * Asks a backend whether it is there, without costing a token. Runs in main, with the built-in `fetch`: main has
 * no other use for an HTTP client, and loading one would delay the start.
 */

export interface BackendCheck {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

/**
 * True when the backend answers its model list with anything but a server error: even a refusal of credentials
 * comes from a server that lives.
 */
export async function checkBackend({ url, headers, deadlineMs }: BackendCheck): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/models`, {
      headers: { ...headers, accept: 'application/json' },
      signal: AbortSignal.timeout(deadlineMs),
      redirect: 'manual',
    });
    // The list itself is of no interest; a body left unread would hold the connection.
    await response.body?.cancel();
    return response.status < 500;
  } catch {
    // Refused, reset, silent or garbled: for a health check it is all the same.
    return false;
  }
}

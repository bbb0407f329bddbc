/** Asks a backend whether it is there, without costing a token. Runs in main. */
import { request } from 'undici';

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
    const { statusCode, body } = await request(`${url}/v1/models`, {
      headers: { ...headers, accept: 'application/json' },
      signal: AbortSignal.timeout(deadlineMs),
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
    });
    await body.dump({ limit: 1_024 * 1_024 });
    return statusCode < 500;
  } catch {
    // Refused, reset, silent or garbled: for a health check it is all the same.
    return false;
  }
}

/** Requests of the page to its own node. Runs in the browser. */
import type {
  ConfigurationDocument,
  HistoryDocument,
  ReloadReport,
  StatusDocument,
} from '../statusDocument.js';

/** The session has ended, or there never was one. */
export class SignedOutError extends Error {}

/** The node answered, and said no. */
export class RefusedError extends Error {}

/** The node answers in milliseconds, or something is wrong with it or the way to it. */
const deadlineMs = 8_000;

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, {
    ...init,
    credentials: 'same-origin',
    signal: AbortSignal.timeout(deadlineMs),
  });
  const body = (await response.json()) as T & { error?: { code: string; message: string } };
  if (response.ok) return body;
  const { code = '', message = `The node answered ${response.status}.` } = body.error ?? {};
  throw code === 'console_login_required' ? new SignedOutError(message) : new RefusedError(message);
}

const post = <T>(path: string, body: unknown = {}): Promise<T> =>
  ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-fxn-console': '1' },
    body: JSON.stringify(body),
  });

interface Session {
  readonly isSignedIn: boolean;
}

export const askSession = (): Promise<Session> => ask('/console/session');
export const signIn = (token: string): Promise<Session> => post('/console/login', { token });
export const signOut = (): Promise<Session> => post('/console/logout');
export const askStatus = (after: number): Promise<StatusDocument> => ask(`/status?after=${after}`);
export const askHistory = (afterMs: number): Promise<HistoryDocument> =>
  ask(`/status/history?after=${afterMs}`);
export const askConfiguration = (): Promise<ConfigurationDocument> => ask('/console/configuration');
export const askReload = (): Promise<ReloadReport> => post('/console/reload');
export const askDrain = (): Promise<{ readonly isDraining: true }> => post('/console/drain');

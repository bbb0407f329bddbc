/** The console of a test node, asked without a browser: as a program with the token, or as one that plays a browser. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answer, send } from './httpClient.js';
import type { TestNode } from './testNode.js';

/** Written when the console is first asked for. */
export async function consoleToken(node: Pick<TestNode, 'home' | 'adminUrl'>): Promise<string> {
  await send(`${node.adminUrl}/`);
  return readFileSync(join(node.home, 'console-token'), 'utf8').trim();
}

export async function askConsole<T>(
  node: Pick<TestNode, 'home' | 'adminUrl'>,
  path: string,
  method = 'GET',
): Promise<T> {
  const authorization = `Bearer ${await consoleToken(node)}`;
  const { status, text } = await send(`${node.adminUrl}${path}`, { method, headers: { authorization } });
  if (status >= 300) throw new Error(`${status} ${text}`);
  return JSON.parse(text) as T;
}

/** What the page's own script sends along. */
export const pageHeaders = ({ adminUrl }: Pick<TestNode, 'adminUrl'>): Record<string, string> => ({
  origin: adminUrl,
  'x-fxn-console': '1',
});

export function signIn(
  node: Pick<TestNode, 'adminUrl'>,
  token: string,
  headers: Readonly<Record<string, string>> = pageHeaders(node),
): Promise<Answer> {
  return send(`${node.adminUrl}/console/login`, { headers, body: { token } });
}

/** The cookie of an answer as a browser sends it back. */
export const cookieOf = ({ headers }: Answer): string => headers['set-cookie']?.[0]?.split(';')[0] ?? '';

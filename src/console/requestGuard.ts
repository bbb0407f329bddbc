/**
 * From where the console may be asked. A page of another site can make the operator's browser send requests here: under
 * its own name, once that name resolves to this machine (DNS rebinding), or under ours (cross-site request forgery). The
 * names in `Host` and `Origin`, which no page can set, tell them apart. Pure; runs in main.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** `host` or `host:port` without the port, in lower case; `undefined` when it is neither. */
export function hostName(authority: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(authority ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** Whether `Host` is an address, `localhost`, or one of the names that the operator gave, in lower case. */
export function isOwnHost(host: string | undefined, ownNames: readonly string[]): boolean {
  const name = hostName(host);
  if (name === undefined) return false;
  return isIP(name) !== 0 || name === 'localhost' || ownNames.includes(name);
}

/** No form and no script of another site can send it without being allowed to first. */
const ownHeader = 'x-fxn-console';

/** Whether a request that changes something comes from the console's own page. */
export function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  return headers[ownHeader] === '1' && isOwnOrigin(headers);
}

/** The scheme may differ: a proxy may end TLS before this node. */
function isOwnOrigin({ origin, host }: IncomingHttpHeaders): boolean {
  const [scheme, authority] = (origin ?? '').split('://', 2);
  const isWeb = scheme === 'http' || scheme === 'https';
  return isWeb && host !== undefined && authority?.toLowerCase() === host.toLowerCase();
}

/** A browser that reached this page through TLS; it sends a `Secure` cookie only then. */
export const isThroughTls = ({ origin }: IncomingHttpHeaders): boolean =>
  origin?.startsWith('https://') ?? false;

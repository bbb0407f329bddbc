/**
 * Decides whether a URL that a stranger named may be requested, and to which addresses the connection goes: the name is
 * resolved here, once, and nobody resolves it again. Runs in main.
 */
import type { AllowedHosts } from './allowedHosts.js';
import { type IpAddress, parseIp } from './ipAddress.js';
import { isPublicAddress } from './publicAddress.js';
import type { ResolveHost } from './resolveHost.js';

/** Why a URL is refused; a closed union that may be told to whoever named it. */
export type TargetRefusal = 'not_a_url' | 'not_http' | 'credentials' | 'private_host';

export interface Target {
  readonly url: URL;
  /** As in a certificate: lower case, no brackets, no trailing dot. */
  readonly host: string;
  readonly port: number;
  /** At least one; every one was checked. */
  readonly addresses: readonly string[];
}

export type TargetCheck =
  | { readonly kind: 'target'; readonly target: Target }
  | { readonly kind: 'refused'; readonly reason: TargetRefusal }
  | { readonly kind: 'unresolved' };

export interface TargetGuard {
  readonly allowed: AllowedHosts;
  readonly resolve: ResolveHost;
}

/** What browsers and proxies agree on as a bound. */
const maxUrlLength = 2_048;
/** Dead addresses cost time, and the deadline is short. */
const maxAddresses = 4;

/** Resolve to this machine whatever DNS says, or are meant to. */
const localName = /^(?:.*\.)?(?:localhost|localdomain|ip6-localhost|ip6-loopback)$/;

/** @param base what a redirect came from; a relative URL is refused without one */
export async function checkTarget(
  text: string,
  { allowed, resolve }: TargetGuard,
  { signal, base }: { readonly signal: AbortSignal; readonly base?: URL },
): Promise<TargetCheck> {
  const url = parseUrl(text, base);
  if (url === undefined) return { kind: 'refused', reason: 'not_a_url' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { kind: 'refused', reason: 'not_http' };
  if (url.username !== '' || url.password !== '') return { kind: 'refused', reason: 'credentials' };

  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.+$/, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const isAllowedName = allowed.hasName(host);
  const isAcceptable = (address: IpAddress | undefined): boolean =>
    address !== undefined && (isAllowedName || isPublicAddress(address) || allowed.hasAddress(address));

  const literal = parseIp(host);
  if (literal !== undefined) {
    if (!isAcceptable(literal)) return { kind: 'refused', reason: 'private_host' };
    return { kind: 'target', target: { url, host, port, addresses: [host] } };
  }
  if (!isAllowedName && localName.test(host)) return { kind: 'refused', reason: 'private_host' };

  const addresses = await resolveOrNone(resolve, { name: host, isOperators: isAllowedName, signal });
  if (addresses.length === 0) return { kind: 'unresolved' };
  // One bad address spoils the name: which one a connection takes is not ours to say.
  if (!addresses.every((address) => isAcceptable(parseIp(address)))) {
    return { kind: 'refused', reason: 'private_host' };
  }
  return { kind: 'target', target: { url, host, port, addresses: interleave(addresses) } };
}

/**
 * The parser of `URL` reads all spellings of an address (octal, short, full-width) as browsers do, and what it makes of
 * them is what is checked and connected to. What it would silently drop is refused.
 */
function parseUrl(text: string, base: URL | undefined): URL | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (text.length > maxUrlLength || /[\u0000-\u0020\u007f]/.test(text)) return undefined;
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    // `URL.canParse` does not tell: in Node.js 20 it accepts some hosts that the constructor refuses.
    return undefined;
  }
  return url.hostname === '' && (url.protocol === 'http:' || url.protocol === 'https:') ? undefined : url;
}

/** What becomes of a name is known or it is not; the reasons of a resolver are not told. */
async function resolveOrNone(
  resolve: ResolveHost,
  host: Parameters<ResolveHost>[0],
): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch {
    return [];
  }
}

/** IPv4 first, since it works from most networks, then by turns, so that neither kind's failure hides the other. */
function interleave(addresses: readonly string[]): string[] {
  const v4 = addresses.filter((address) => parseIp(address)?.version === 4);
  const v6 = addresses.filter((address) => parseIp(address)?.version === 6);
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(v4.length, v6.length); i++) {
    mixed.push(...v4.slice(i, i + 1), ...v6.slice(i, i + 1));
  }
  return mixed.slice(0, maxAddresses);
}

/**
 * How a value is written in the files: durations, sizes, addresses, URLs and so on, each with how it is read
 * into its resolved form and how it is printed back. A schema's leaves name their notation.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parseAddress } from '../lib/address.js';
import { formatByteSize, parseByteSize } from '../lib/byteSize.js';
import { formatDuration, parseDuration } from '../lib/duration.js';

export type Notation =
  | 'text'
  | 'word'
  | 'flag'
  | 'number'
  | 'autoOrNumber'
  | 'duration'
  | 'size'
  | 'address'
  | 'httpUrl'
  | 'backendUrl'
  | 'redisUrl'
  | 'ip'
  | 'host'
  | 'hostRange'
  | 'authority'
  | 'path';

/** A scalar of the file after substitution. */
export interface ScalarText {
  /** As written, so that `0x0a…` stays an address and `007` keeps its zeros. */
  readonly text: string;
  /** What YAML takes it for; a plain scalar that came out of a substitution is `plain`: it may be any of them. */
  readonly kind: 'text' | 'number' | 'boolean' | 'plain';
}

export interface ReadContext {
  /** What relative paths are relative to. */
  readonly home: string;
  readonly synonyms: Readonly<Record<string, string>>;
}

type Reader = (scalar: ScalarText, context: ReadContext) => string | number | boolean | undefined;

const zeroAddress = `0x${'0'.repeat(40)}`;

/** The scalar as text; a boolean is none, since nobody means the text "true". */
const asText = (scalar: ScalarText): string | undefined =>
  scalar.kind === 'boolean' ? undefined : scalar.text;

const throughText =
  (read: (text: string, context: ReadContext) => string | number | undefined): Reader =>
  (scalar, context) => {
    const text = asText(scalar);
    return text === undefined ? undefined : read(text, context);
  };

const readNumber: Reader = ({ text, kind }) => {
  if (kind === 'number') return Number(text);
  return kind === 'plain' && /^[-+]?[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
};

/** Reads a scalar; `undefined` when it is not of that notation. Ranges and choices are the schema's business. */
export const readers: Readonly<Record<Notation, Reader>> = {
  text: throughText((text) => text),
  word: throughText((text, { synonyms }) => {
    const word = text.toLowerCase();
    return Object.hasOwn(synonyms, word) ? synonyms[word] : word;
  }),
  flag: ({ text, kind }) => {
    if (kind !== 'boolean' && kind !== 'plain') return undefined;
    const word = text.toLowerCase();
    return word === 'true' ? true : word === 'false' ? false : undefined;
  },
  number: readNumber,
  autoOrNumber: (scalar, context) =>
    scalar.text.toLowerCase() === 'auto' ? 'auto' : readNumber(scalar, context),
  duration: throughText(parseDuration),
  size: throughText(parseByteSize),
  address: throughText((text) => {
    const address = parseAddress(text);
    return address === zeroAddress ? undefined : address;
  }),
  httpUrl: throughText((text) => (parseUrl(text, ['http:', 'https:']) === undefined ? undefined : text)),
  backendUrl: throughText(readBackendUrl),
  redisUrl: throughText((text) => (isRedisUrl(text) ? text : undefined)),
  ip: throughText((text) => (isIP(text) === 0 ? undefined : text)),
  host: throughText((text) => (isHost(text) ? text.toLowerCase() : undefined)),
  hostRange: throughText((text) => (isHostRange(text) ? text.toLowerCase() : undefined)),
  authority: throughText((text) => (isAuthority(text) ? text.toLowerCase() : undefined)),
  path: throughText((text, { home }) => (text.includes('\0') ? undefined : resolve(home, text))),
};

/** The resolved value as an operator would write it. */
export function printValue(notation: Notation, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (notation === 'duration') return formatDuration(value);
  return notation === 'size' ? formatByteSize(value) : value;
}

/** A URL of one of the schemes that names a host; white space and control characters, which `URL` drops, are refused. */
function parseUrl(text: string, schemes: readonly string[]): URL | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(text) || !/^[a-z]+:\/\//i.test(text)) return undefined;
  let url: URL;
  try {
    // Not `URL.canParse`: in Node.js 20 it takes hosts that the constructor then refuses.
    url = new URL(text);
  } catch {
    return undefined;
  }
  return schemes.includes(url.protocol) && url.hostname !== '' ? url : undefined;
}

/** The path names a database by its number. */
function isRedisUrl(text: string): boolean {
  const url = parseUrl(text, ['redis:', 'rediss:']);
  return url !== undefined && /^\/?\d{0,9}$/.test(url.pathname) && isDecodable(url.username + url.password);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    // A percent sign that begins no character.
    return false;
  }
}

/**
 * Where a backend's routes begin: no trailing slash and no `/v1`, which every route brings along. Credentials
 * have keys of their own, and a query would be lost or doubled.
 */
function readBackendUrl(text: string): string | undefined {
  const url = parseUrl(text, ['http:', 'https:']);
  if (url === undefined || text.includes('?') || text.includes('#')) return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '');
  return `${url.origin}${path}`;
}

const hostName =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

/** A name or a literal address without brackets. Four numbers that are no IPv4 address are no name either. */
function isHost(text: string): boolean {
  return isIP(text) !== 0 || (hostName.test(text) && !/^[0-9.]+$/.test(text));
}

function isHostRange(text: string): boolean {
  const [host = '', bits, ...more] = text.split('/');
  if (bits === undefined) return isHost(text);
  const version = isIP(host);
  const maxBits = version === 6 ? 128 : 32;
  return version !== 0 && more.length === 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= maxBits;
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
function isAuthority(text: string): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/i.exec(text);
  if (match === null) return false;
  const [, v6, name, port] = match;
  if (port !== undefined && Number(port) > 65_535) return false;
  return v6 === undefined ? isHost(name ?? '') : isIP(v6) === 6;
}

/**
 * The signature base of RFC 9421: the bytes that an HTTP message signature is made over, one line per covered
 * component of a request and a last one with the parameters of the signature. Runs on the fronts and in the
 * command line.
 */
import { NodeError } from '../errors/nodeError.js';
import type { RequestHead } from '../http/requestHead.js';

/** What of a request can be covered. */
export type CoverableHead = Pick<RequestHead, 'method' | 'path' | 'query' | 'headers' | 'repeatedHeaders'>;

/** What the head itself does not say for sure. */
export interface RequestTarget {
  /** `http` or `https` */
  readonly scheme: string;
  /** host[:port], lower case, without the default port of the scheme. */
  readonly authority: string;
}

/** ASCII without control characters but the tab: nothing that could begin a line of its own. */
const coverable = /^[\t\x20-\x7e]*$/;

/**
 * @param parameters the value of `@signature-params`
 * @returns ASCII, or why a component cannot be covered
 */
export function signatureBase(
  components: readonly string[],
  parameters: string,
  head: CoverableHead,
  target: RequestTarget,
): string | NodeError {
  let base = '';
  for (const name of components) {
    const value = name.startsWith('@') ? derived(name, head, target) : header(name, head);
    if (value instanceof NodeError) return value;
    if (!coverable.test(value)) return malformed(`${quoted(name)} holds bytes that cannot be covered.`);
    base += `"${name}": ${value}\n`;
  }
  return `${base}"@signature-params": ${parameters}`;
}

function derived(name: string, head: CoverableHead, target: RequestTarget): string | NodeError {
  switch (name) {
    case '@method':
      return head.method;
    case '@authority':
      return target.authority;
    case '@scheme':
      return target.scheme;
    case '@path':
      return head.path;
    case '@query':
      return `?${head.query}`;
    case '@request-target':
      return targetOf(head);
    case '@target-uri':
      return `${target.scheme}://${target.authority}${targetOf(head)}`;
    default:
      return malformed(`The component ${quoted(name)} is not supported.`);
  }
}

const targetOf = ({ path, query }: CoverableHead): string => (query === '' ? path : `${path}?${query}`);

function header(name: string, { headers, repeatedHeaders }: CoverableHead): string | NodeError {
  const value = headers.get(name);
  if (value === undefined) return malformed(`${quoted(name)} is covered, but no such header is there.`);
  if (repeatedHeaders?.has(name) === true) {
    return malformed(`${quoted(name)} is covered, but the header is there more than once.`);
  }
  return value;
}

/** Component names come from the caller and may be long. */
const quoted = (name: string): string => `"${name.slice(0, 40)}"`;

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });

/**
 * The metadata of a provider: JSON with `url`, where gateways reach the node, and optionally `name`. Other members are
 * somebody's and stay as they are. Runs in the command line.
 */
import { isRecord, parseJson } from '../lib/unknownJson.js';

export interface MetadataChange {
  readonly url?: string | undefined;
  /** The empty text takes the name away. */
  readonly name?: string | undefined;
}

export interface ProviderMetadata {
  readonly url: string | null;
  readonly name: string | null;
}

export function readMetadata(text: string): ProviderMetadata {
  const parsed = parseJson(text);
  const { url, name } = isRecord(parsed) ? parsed : {};
  return {
    url: typeof url === 'string' ? url : null,
    name: typeof name === 'string' ? name : null,
  };
}

/** `text` with the changes; text that is no JSON object is given up. */
export function changeMetadata(text: string, { url, name }: MetadataChange): string {
  const parsed = parseJson(text);
  const members = new Map<string, unknown>(Object.entries(isRecord(parsed) ? parsed : {}));
  if (url !== undefined) members.set('url', url);
  if (name === '') members.delete('name');
  else if (name !== undefined) members.set('name', name);
  return JSON.stringify(Object.fromEntries(members));
}

/** Why gateways could not use the URL, as a sentence; `undefined` for a good one. */
export function urlProblem(url: string): string | undefined {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    return 'The URL of a node starts with http:// or https://.';
  }
  const { username, password, search, hash } = new URL(url);
  if (username !== '' || password !== '') {
    return 'The URL would be published with the user name and password in it; leave them out.';
  }
  if (search !== '' || hash !== '') return 'The URL of a node has no query and no fragment.';
  return undefined;
}

/** The rules between keys of `model_backend.yaml`: names are unique, the default exists, headers do not collide. */
import { nearestName } from '../lib/nearestName.js';
import type { TreeReader } from './treeReader.js';

/** RFC 9110 token. */
const headerName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

/** Headers that frame the message or belong to one connection; the HTTP client sets them. */
const framingHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Reports problems and warnings on the tree of a `ModelListFile`. */
export function checkModelRules(tree: TreeReader): void {
  const names = new Map<string, string>();
  const claimName = (path: string): void => {
    const name = tree.at(path);
    if (typeof name !== 'string') return;
    const owner = names.get(name);
    if (owner === undefined) names.set(name, path);
    else tree.report(path, `expected every model name and alias once, found the one of ${owner} again`);
  };

  for (const model of indices(tree, 'models')) {
    claimName(`${model}.name`);
    for (const alias of indices(tree, `${model}.aliases`)) claimName(alias);
    const backends = indices(tree, `${model}.backends`);
    for (const backend of backends) {
      checkBackendUrl(tree, `${backend}.url`);
      checkHeaders(tree, backend);
    }
    warnOfTwins(tree, backends);
  }

  const fallback = tree.at('default');
  if (typeof fallback === 'string' && fallback !== '' && names.size > 0 && !names.has(fallback)) {
    tree.report(
      'default',
      'expected the name or an alias of a model of this file, found another name',
      nearestName(fallback, names.keys()),
    );
  }
}

/** A path that a client would call; every route brings its own. */
const routePath = /\/(?:chat\/completions|completions|embeddings|models)$/;

export function checkBackendUrl(tree: TreeReader, path: string): void {
  const url = tree.at(path);
  const route = typeof url === 'string' ? routePath.exec(url)?.[0] : undefined;
  if (route === undefined) return;
  tree.report(path, `expected the base URL only, found one that ends in the route ${route}; remove it`);
}

/** `http://h:8000` and `http://h:8000/v1` are one server. */
function warnOfTwins(tree: TreeReader, backends: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const backend of backends) {
    const url = tree.at(`${backend}.url`);
    if (typeof url !== 'string') continue;
    const identity = `${url} ${tree.at(`${backend}.model`)}`;
    const twin = seen.get(identity);
    if (twin === undefined) seen.set(identity, backend);
    else tree.warn(`${backend}.url`, `is the same server as ${twin}.url ("/v1" at the end does not count)`);
  }
}

/** The paths of a list's items. */
function indices(tree: TreeReader, path: string): string[] {
  const items = tree.at(path);
  return Array.isArray(items) ? items.map((_, index) => `${path}[${index}]`) : [];
}

function checkHeaders(tree: TreeReader, backend: string): void {
  const headers = tree.at(`${backend}.headers`);
  if (typeof headers !== 'object' || headers === null) return;
  const seen = new Set<string>();
  for (const name of Object.keys(headers)) {
    const path = `${backend}.headers.${name}`;
    const folded = name.toLowerCase();
    if (!headerName.test(name)) {
      tree.report(path, 'expected a header name (letters, digits and "-"), found other characters');
    } else if (framingHeaders.has(folded)) {
      tree.report(path, 'expected no header that frames the message, found one');
    } else if (seen.has(folded)) {
      tree.report(path, 'expected every header once (letter case does not count), found it again');
    } else if (folded === 'x-api-key' && isSet(tree.at(`${backend}.apiKey`))) {
      tree.report(path, 'expected either apiKey or this header, found both');
    } else if (folded === 'authorization' && isSet(tree.at(`${backend}.bearerToken`))) {
      tree.report(path, 'expected either bearerToken or this header, found both');
    }
    seen.add(folded);
  }
}

const isSet = (value: unknown): boolean => typeof value === 'string' && value !== '';

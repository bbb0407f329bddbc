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

/** Reports problems on the tree of a `ModelListFile`. */
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
    for (const backend of indices(tree, `${model}.backends`)) checkHeaders(tree, backend);
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

/** What the comments of a commented YAML template say of its keys: the one source of what a key means. */
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';

/**
 * The comment lines directly above a key, joined, by the key's path such as `node.listenPort` and
 * `models[].backends[].url`, in the order of the template. A blank line ends a comment; of a list the first item counts.
 */
export function templateComments(template: string): ReadonlyMap<string, string> {
  const lines = template.split('\n');
  const comments = new Map<string, string>();
  const visit = (node: unknown, prefix: string): void => {
    if (isSeq(node)) visit(node.items[0], `${prefix}[]`);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      if (!isScalar(key) || !key.range) continue;
      const path = prefix === '' ? String(key.value) : `${prefix}.${String(key.value)}`;
      const line = template.slice(0, key.range[0]).split('\n').length - 1;
      const comment = commentAbove(lines, line);
      if (comment !== '') comments.set(path, comment);
      visit(value, path);
    }
  };
  visit(parseDocument(template, { version: '1.2', strict: true }).contents, '');
  return comments;
}

function commentAbove(lines: readonly string[], line: number): string {
  const found: string[] = [];
  for (let above = line - 1; above >= 0; above -= 1) {
    const match = /^ *# ?(.*)$/.exec(lines[above] ?? '');
    if (match === null) break;
    found.unshift(match[1] ?? '');
  }
  return found.join(' ');
}

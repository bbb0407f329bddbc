/**
 * Puts values into a commented YAML template without touching anything else in it: comments, order and spacing stay as
 * they are. Runs in the command line.
 */
import { isNode, parseDocument } from 'yaml';

export type TemplateValue = string | number | boolean | readonly string[];

/**
 * @param values by the path of a key that the template has, such as `node.listenPort`
 * @throws RangeError for a key that it has not
 */
export function fillTemplate(template: string, values: Readonly<Record<string, TemplateValue>>): string {
  const document = parseDocument(template, { version: '1.2', strict: true });
  const changes = Object.entries(values).map(([path, value]) => {
    const node = document.getIn(path.split('.'), true);
    if (!isNode(node) || !node.range) throw new RangeError(`the template has no key ${path}`);
    const [from, to] = node.range;
    // JSON is YAML, with every character of a text escaped that could end it.
    return { from, to, text: Array.isArray(value) ? listText(value) : JSON.stringify(value) };
  });
  // From the end, so that the places in front stay where they are.
  changes.sort((a, b) => b.from - a.from);
  return changes.reduce(
    (text, { from, to, text: value }) => text.slice(0, from) + value + text.slice(to),
    template,
  );
}

const listText = (items: readonly string[]): string =>
  `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;

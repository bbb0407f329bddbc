/** Reads what a PromQL expression names, without understanding it: enough to find what does not exist. */

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

export interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

export interface Named {
  readonly selectors: readonly Selector[];
  /** Labels in `by (…)`, `on (…)` and their like. */
  readonly grouping: readonly string[];
}

const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);
const quoted = /"(?:[^"\\]|\\.)*"/g;

export function namesIn(expression: string): Named {
  const strings: string[] = [];
  const grouping: string[] = [];
  const text = expression
    // Strings may hold anything; each becomes its number.
    .replace(quoted, (string) => `"${strings.push(JSON.parse(string) as string) - 1}"`)
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\boffset\s+\S+/g, '')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_, list: string) => {
      grouping.push(...(list.match(/\w+/g) ?? []));
      return ' ';
    });
  const selectors: Selector[] = [];
  for (const match of text.matchAll(/(?<![\w:$"])([a-zA-Z_:][\w:]*)(?:\s*\{([^}]*)\})?/g)) {
    const [whole, name = '', inBraces = ''] = match;
    const isCall = /^\s*\(/.test(text.slice(match.index + whole.length));
    if (isCall || keywords.has(name.toLowerCase())) continue;
    const matchers = [...inBraces.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"(\d+)"/g)].map(
      ([, label = '', operator = '', place]) => ({ label, operator, value: strings[Number(place)] ?? '' }),
    );
    selectors.push({ name, matchers });
  }
  return { selectors, grouping };
}

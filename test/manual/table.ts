/** Tables of Markdown. */

/** Cells are Markdown; what would end a cell, begin a tag or emphasise outside of code is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const escaped = (cell: string): string =>
  cell
    .split(/(`[^`]*`|\*\*[^*]+\*\*)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[*<]/g, '\\$&')))
    .join('')
    .replaceAll('|', '\\|');

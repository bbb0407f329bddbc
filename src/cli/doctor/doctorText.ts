/** The findings of `fxn doctor` for people: grouped, aligned, with a mark each. Pure; runs in the command line. */
import type { GroupedFindings } from '../../doctor/examine.js';
import type { Finding, Severity } from '../../doctor/finding.js';

export interface DoctorTextOptions {
  /** Signs and colours of a terminal instead of plain words. */
  readonly isColoured: boolean;
}

const words: Readonly<Record<Severity, string>> = {
  ok: 'ok  ',
  warning: 'warn',
  failure: 'FAIL',
  skipped: 'skip',
};
/** Green, yellow, red and grey. */
const signs: Readonly<Record<Severity, string>> = {
  ok: '\x1b[32m✓\x1b[0m',
  warning: '\x1b[33m!\x1b[0m',
  failure: '\x1b[31m✗\x1b[0m',
  skipped: '\x1b[90m-\x1b[0m',
};
/** A longer title does not push the details of all others aside. */
const maxTitleWidth = 36;

export function doctorText(groups: readonly GroupedFindings[], { isColoured }: DoctorTextOptions): string {
  const all = groups.flatMap(({ findings }) => findings);
  const width = Math.min(maxTitleWidth, Math.max(...all.map(({ title }) => title.length)));
  const marks = isColoured ? signs : words;
  // What stands under a detail begins where the details do.
  const indent = ' '.repeat(2 + (isColoured ? 1 : 4) + 1 + width + 2);
  const lines = groups.flatMap(({ group, findings }) => [
    isColoured ? `\x1b[1m${group}\x1b[0m` : group,
    ...findings.flatMap(({ severity, title, detail, remedy }) => [
      `  ${marks[severity]} ${title.padEnd(width)}  ${detail}`,
      ...(remedy === null ? [] : [`${indent}-> ${remedy}`]),
    ]),
    '',
  ]);
  return [...lines, summaryText(all)].join('\n');
}

function summaryText(findings: readonly Finding[]): string {
  const { ok, warning, failure, skipped } = countsOf(findings);
  const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const verdict = failure > 0 ? 'Not well' : warning > 0 ? 'Well, with reservations' : 'Well';
  return `${verdict}: ${plural(failure, 'failure')}, ${plural(warning, 'warning')}, ${ok} ok, ${skipped} not checked.`;
}

export function countsOf(findings: readonly Finding[]): Record<Severity, number> {
  const counts = { ok: 0, warning: 0, failure: 0, skipped: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

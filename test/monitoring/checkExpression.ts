/** Holds an expression of a rule or a panel to the metrics that exist, down to labels, buckets and closed sets of values. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExportedSeries, targetLabels } from './exportedMetrics.js';
import { namesIn } from './promql.js';

const sourceFolder = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Prometheus's own. */
const ownSeries: readonly (readonly [string, ExportedSeries])[] = [
  ['up', { labels: [] }],
  ['ALERTS', { labels: ['alertname', 'alertstate', 'severity'] }],
];
/** Labels whose values come from the configuration, the chain or the outside. */
const openLabels: readonly string[] = [
  ...targetLabels,
  'model',
  'backend',
  'endpoint',
  'status_code',
  'le',
  'gpu',
  'alertname',
];

export type KnownSeries = ReadonlyMap<string, ExportedSeries>;

/** @param records recording rules by name, with their expressions */
export function knownSeries(
  exported: KnownSeries,
  records: ReadonlyMap<string, string>,
): Map<string, ExportedSeries> {
  const known = new Map([...exported, ...ownSeries]);
  for (const [name, expression] of records) known.set(name, { labels: labelsOf(expression, known) });
  return known;
}

/** What an expression names that does not exist; empty when all does. */
export function faultsIn(expression: string, known: KnownSeries): string[] {
  const { selectors, grouping } = namesIn(expression);
  const faults: string[] = [];
  if (selectors.length === 0) faults.push('names no metric');
  for (const { name, matchers } of selectors) {
    const series = known.get(name);
    if (series === undefined) {
      faults.push(`no metric ${name}`);
      continue;
    }
    for (const { label, operator, value } of matchers) {
      if (!series.labels.includes(label) && !targetLabels.includes(label)) {
        faults.push(`${name} has no label ${label}`);
      }
      if (label === 'le' && !series.buckets?.includes(value)) faults.push(`${name} has no bucket ${value}`);
      if (openLabels.includes(label) || value.startsWith('$')) continue;
      const values = operator.endsWith('~') ? value.split('|') : [value];
      for (const each of values) {
        if (!sourceText().includes(`'${each}'`))
          faults.push(`${name}: the program never says ${label} ${each}`);
      }
    }
  }
  const labels = labelsOf(expression, known);
  for (const label of grouping) if (!labels.includes(label)) faults.push(`no label ${label} to group by`);
  return faults;
}

/** The labels that a result may have: those of all metrics in the expression. */
export function labelsOf(expression: string, known: KnownSeries): string[] {
  const { selectors } = namesIn(expression);
  return [...targetLabels, ...selectors.flatMap(({ name }) => known.get(name)?.labels ?? [])];
}

let source: string | undefined;

function sourceText(): string {
  source ??= readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(sourceFolder, path), 'utf8'))
    // Codes of errors are keys of a table.
    .map((text) => text.replace(/^ {2}(\w+): code\(/gm, "  '$1': code("))
    .join('');
  return source;
}

/** The list of every metric that a node exports, from the metrics themselves. */
import { exportedMetrics } from '../monitoring/exportedMetrics.js';
import { table } from './table.js';

/** By the first word of the name; titles say whose names they are. */
const groups: readonly { readonly prefixes: readonly string[]; readonly title: string }[] = [
  { prefixes: ['fxn'], title: 'The node:' },
  { prefixes: ['gen', 'endpoint'], title: "OpenTelemetry's names, and one of the network's dashboards:" },
  {
    prefixes: ['challenge', 'gpu', 'DCGM'],
    title: "More names of the network's dashboards, and those of DCGM:",
  },
];
/** What prom-client measures by itself, which differs between systems and versions. */
const ofTheProcess = ['nodejs', 'process'];

/** @throws RangeError for a metric of which no group knows */
export async function metricTables(): Promise<string> {
  const prefixOf = (name: string): string => name.slice(0, name.indexOf('_'));
  const metrics = await exportedMetrics();
  const known = [...groups.flatMap(({ prefixes }) => prefixes), ...ofTheProcess];
  const stray = metrics.find(({ name }) => !known.includes(prefixOf(name)));
  if (stray !== undefined) throw new RangeError(`no group of metricTables.ts takes ${stray.name}`);
  const tables = groups.flatMap(({ prefixes, title }) => [
    title,
    table(
      ['metric', 'type', 'labels', 'what'],
      prefixes.flatMap((prefix) =>
        metrics
          .filter(({ name }) => prefixOf(name) === prefix)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          .map(({ name, type, labels, help }) => [
            `\`${name}\``,
            type,
            labels.map((label) => `\`${label}\``).join(' '),
            help,
          ]),
      ),
    ),
  ]);
  const rest = ofTheProcess.map((prefix) => `\`${prefix}_*\``).join(' and ');
  return [...tables, `${rest} are what prom-client measures of the process.`].join('\n\n');
}

/** The rules of config/prometheus as data. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const prometheusFolder = fileURLToPath(new URL('../../../config/prometheus/', import.meta.url));
export const rulesFolder = join(prometheusFolder, 'rules');

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly (AlertingRule | RecordingRule)[] }[];
}

export const ruleFiles: readonly string[] = readdirSync(rulesFolder).toSorted();

const rules = ruleFiles.flatMap((file) =>
  (parse(readFileSync(join(rulesFolder, file), 'utf8')) as RuleFile).groups.flatMap((group) =>
    group.rules.map((rule) => ({ ...rule, file })),
  ),
);

export const alerts: readonly (AlertingRule & { readonly file: string })[] = rules.filter(
  (rule) => 'alert' in rule,
);
/** Name to expression. */
export const records: ReadonlyMap<string, string> = new Map(
  rules.flatMap((rule) => ('record' in rule ? [[rule.record, rule.expr] as const] : [])),
);

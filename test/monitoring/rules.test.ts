/** The Prometheus rules: what they name exists, every alert says what to do, and has a story in which it fires. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { faultsIn, knownSeries, labelsOf } from './checkExpression.js';
import { exportedSeries } from './exportedMetrics.js';
import { namesIn } from './promql.js';
import { alerts, prometheusFolder, records, ruleFiles } from './ruleFiles.js';

const known = knownSeries(exportedSeries(), records);

describe('the Prometheus rules', () => {
  it('name only metrics, labels, buckets and outcomes that exist', () => {
    assert.ok(alerts.length >= 40);
    assert.ok(records.size >= 10);
    const faults = [...records, ...alerts.map(({ alert, expr }) => [alert, expr] as const)].flatMap(
      ([name, expr]) => faultsIn(expr, known).map((fault) => `${name}: ${fault}`),
    );
    assert.deepEqual(faults, []);
  });

  it('would not pass with a metric, a label, a bucket or an outcome that does not exist', () => {
    const cases = {
      'rate(fxn_streams_ended_total[5m]) > 0': ['no metric fxn_streams_ended_total'],
      'fxn_rpc_up{backend="a"} == 0': ['fxn_rpc_up has no label backend'],
      'sum by (job, backend) (fxn_rpc_up)': ['no label backend to group by'],
      'rate(gen_ai_server_time_to_first_token_seconds_bucket{le="2.6"}[5m])': [
        'gen_ai_server_time_to_first_token_seconds_bucket has no bucket 2.6',
      ],
      'fxn_admission_requests_total{outcome=~"queue_full|queue_ful"}': [
        'fxn_admission_requests_total: the program never says outcome queue_ful',
      ],
      'instance:fxn_errors:ratio_rate5m{registry="gateway"}': [
        'instance:fxn_errors:ratio_rate5m has no label registry',
      ],
      '1 > 0': ['names no metric'],
    };
    for (const [expr, faults] of Object.entries(cases)) assert.deepEqual(faultsIn(expr, known), faults, expr);
  });

  it('say for every alert what is the matter, what it means, where to look and what to do', () => {
    const names = alerts.map(({ alert }) => alert);
    assert.equal(new Set(names).size, names.length);
    for (const { alert, expr, labels, annotations } of alerts) {
      assert.match(alert, /^Fxn[A-Z]/);
      assert.deepEqual(Object.keys(labels), ['severity'], alert);
      assert.match(labels['severity']!, /^(?:critical|warning)$/, alert);
      assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
      const { summary = '', description = '', runbook = '' } = annotations;
      assert.match(summary, /\{\{ \$labels\.instance \}\}/, alert);
      assert.match(description, /^[A-Z/].*\.$/, alert);
      assert.match(runbook, /^Means: .+\. Look at: .+\. Do: .+\.$/s, alert);
      const labelNames = labelsOf(expr, known);
      for (const [, label = ''] of summary.matchAll(/\$labels\.(\w+)/g)) {
        assert.ok(labelNames.includes(label), `${alert}: no label ${label}`);
      }
    }
  });

  it('name in their runbooks only metrics that exist', () => {
    for (const { alert, annotations } of alerts) {
      for (const [name] of annotations['runbook']!.matchAll(/\b(?:fxn|gen_ai|process)_\w+/g)) {
        assert.ok(known.has(name) || known.has(`${name}_count`), `${alert}: ${name}`);
      }
    }
  });

  it('have a story for every alert in which it fires, and one for all in which none does', () => {
    interface Story {
      readonly promql_expr_test: readonly {
        readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
      }[];
      readonly input_series: readonly { readonly series: string }[];
    }
    const { tests, rule_files } = parse(readFileSync(join(prometheusFolder, 'alerts.test.yaml'), 'utf8')) as {
      readonly tests: readonly Story[];
      readonly rule_files: readonly string[];
    };
    assert.deepEqual(
      rule_files.toSorted(),
      ruleFiles.map((file) => `rules/${file}`),
    );
    const fired = new Set(
      tests.flatMap((story) =>
        story.promql_expr_test.flatMap(({ exp_samples }) =>
          exp_samples.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1]),
        ),
      ),
    );
    assert.deepEqual([...fired].toSorted(), alerts.map(({ alert }) => alert).toSorted());
    // Each story but the first begins before its alert fires.
    for (const { promql_expr_test: looks } of tests) assert.ok(looks.length >= 2);

    const [quiet] = tests as [Story];
    assert.ok(quiet.promql_expr_test.every(({ exp_samples }) => exp_samples.length === 0));
    const fed = new Set(quiet.input_series.map(({ series }) => /^[\w:]+/.exec(series)?.[0]));
    const watched = [...alerts.map(({ expr }) => expr), ...records.values()]
      .flatMap((expr) => namesIn(expr).selectors.map(({ name }) => name))
      .filter((name) => !records.has(name));
    for (const name of watched) assert.ok(fed.has(name), `the quiet story has no ${name}`);
  });
});

/** The Grafana dashboard: its form, and that every metric it shows exists and every metric of the node is shown. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { faultsIn, knownSeries, labelsOf } from './checkExpression.js';
import { exportedSeries } from './exportedMetrics.js';
import { namesIn } from './promql.js';
import { records } from './ruleFiles.js';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] };
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

/** How Grafana writes one; not a template of ours. */
const variable = (name: string): string => `\${${name}}`;
const folder = new URL('../../../config/grafana/', import.meta.url);
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, folder)), 'utf8');
const dashboard = JSON.parse(read('fxn-node.json')) as Dashboard;
const exported = exportedSeries();
const known = knownSeries(exported, records);
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

describe('the Grafana dashboard', () => {
  it('has panels of known kinds with an id of their own, in no place twice', () => {
    assert.ok(panels.length >= 50);
    const ids = dashboard.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const cells = new Set<string>();
    for (const { type, title, gridPos } of dashboard.panels) {
      assert.match(type, /^(?:row|stat|timeseries|heatmap)$/);
      const { x, y, w, h } = gridPos;
      assert.ok(x + w <= 24, title);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          assert.ok(!cells.has(`${column} ${line}`), `${title} lies over another panel`);
          cells.add(`${column} ${line}`);
        }
      }
    }
  });

  it('says of each panel what it shows, in which unit, and by which name', () => {
    for (const { title, description, datasource, fieldConfig, targets = [] } of panels) {
      assert.ok(title.length > 0);
      assert.match(description ?? '', /^[A-Z0-9].*\.$/, title);
      assert.match(fieldConfig?.defaults.unit ?? '', /^\S+$/, title);
      assert.deepEqual(datasource, { type: 'prometheus', uid: variable('datasource') }, title);
      assert.ok(targets.length > 0, `${title} has no query`);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      for (const target of targets) {
        assert.equal(target.datasource.uid, variable('datasource'), title);
        assert.notEqual(target.expr, '', title);
        const labels = labelsOf(target.expr, known);
        assert.notEqual(target.legendFormat, '', title);
        for (const [, label = ''] of target.legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          assert.ok(labels.includes(label), `${title}: no label ${label} for the legend`);
        }
      }
    }
  });

  it('names only metrics, labels and outcomes that exist, of the chosen nodes only', () => {
    const all = [...expressions, ...dashboard.annotations.list.flatMap(({ expr }) => expr ?? [])];
    assert.deepEqual(
      all.flatMap((expr) => faultsIn(expr, known)),
      [],
    );
    for (const expr of all) {
      for (const { name, matchers } of namesIn(expr).selectors) {
        assert.ok(
          matchers.some(({ label, value }) => label === 'instance' && value === '$instance'),
          `${name} in ${expr}`,
        );
      }
    }
  });

  it('shows every metric that the node makes itself', () => {
    const shown = new Set(expressions.flatMap((expr) => namesIn(expr).selectors.map(({ name }) => name)));
    const viaRecords = [...records].filter(([name]) => shown.has(name)).map(([, expr]) => expr);
    for (const expr of viaRecords) for (const { name } of namesIn(expr).selectors) shown.add(name);
    const plain = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, '');
    const shownFamilies = new Set([...shown].map(plain));
    const missing = [...exported.keys()]
      .map(plain)
      .filter((name) => !/^(?:process|nodejs)_/.test(name) && !shownFamilies.has(name));
    // Beside the percentage of another metric it would be the same picture.
    assert.deepEqual(
      [...new Set(missing)],
      ['fxn_memory_limit_bytes', 'DCGM_FI_DEV_GPU_UTIL', 'DCGM_FI_DEV_MEM_COPY_UTIL'],
    );
  });

  it('lets choose the data source and the nodes, and can be provisioned', () => {
    const { uid, title, schemaVersion, templating } = dashboard;
    assert.match(uid, /^[\w-]{1,40}$/);
    assert.ok(title.length > 0);
    assert.ok(schemaVersion >= 36);
    assert.deepEqual(
      templating.list.map(({ name, type }) => `${name}: ${type}`),
      ['datasource: datasource', 'instance: query'],
    );
    const [, metric = '', label = ''] =
      /^label_values\((\w+), (\w+)\)$/.exec(templating.list[1]?.definition ?? '') ?? [];
    assert.ok(exported.has(metric));
    assert.equal(label, 'instance');

    const sources = parse(read('provisioning/datasources/prometheus.yaml')) as {
      readonly datasources: readonly { readonly type: string; readonly url: string }[];
    };
    assert.deepEqual(
      sources.datasources.map(({ type, url }) => [type, url]),
      [['prometheus', variable('FXN_PROMETHEUS_URL')]],
    );
    const { providers } = parse(read('provisioning/dashboards/fxn.yaml')) as {
      readonly providers: readonly { readonly type: string; readonly options: { readonly path: string } }[];
    };
    assert.deepEqual(
      providers.map(({ type, options }) => [type, options.path]),
      [['file', variable('FXN_DASHBOARDS')]],
    );
  });
});

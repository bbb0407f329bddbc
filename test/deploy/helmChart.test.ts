/** The Helm chart without Helm: values that its schema takes, and templates that use nothing else. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Check } from 'typebox/value';
import { parse } from 'yaml';
import { configFolder, deployFolder, readDeployed } from './deployFolder.js';

type Tree = Readonly<Record<string, unknown>>;

const chart = join(deployFolder, 'helm/fxn-provider-node');
const chartFile = (name: string): string => readDeployed(`helm/fxn-provider-node/${name}`);
const values = parse(chartFile('values.yaml')) as Tree;
const schema = JSON.parse(chartFile('values.schema.json')) as Tree;
const templates = readdirSync(join(chart, 'templates')).map((name) => chartFile(`templates/${name}`));

describe('the Helm chart', () => {
  it('has values that its schema takes, and a schema that knows them all', () => {
    assert.ok(Check(schema, values));
    const properties = schema['properties'] as Record<
      string,
      { properties?: Tree; additionalProperties?: boolean }
    >;
    for (const [key, value] of Object.entries(values)) {
      assert.ok(Object.hasOwn(properties, key), key);
      const { properties: inner, additionalProperties } = properties[key]!;
      if (additionalProperties !== false) continue;
      assert.deepEqual(Object.keys(value as object).toSorted(), Object.keys(inner!).toSorted(), key);
    }
  });

  it('refuses values that cannot work', () => {
    const bad: readonly Tree[] = [
      { replica: 2 },
      { replicas: '2' },
      { config: { ...(values['config'] as Tree), schedulerAddress: '0x1' } },
      { config: { ...(values['config'] as Tree), admin: { listenPort: 1 } } },
      { config: { ...(values['config'] as Tree), node: { listenPort: 1 } } },
      { persistence: { size: 'much' } },
      { service: { type: 'Public', port: 1 } },
    ];
    for (const change of bad) assert.ok(!Check(schema, { ...values, ...change }), JSON.stringify(change));
  });

  it('has no console on a port that is scraped in clear, unless told', () => {
    const config = values['config'] as Tree;
    assert.deepEqual(config['admin'], { console: false });
    assert.ok(
      Check(schema, { ...values, config: { ...config, admin: { console: true, hosts: ['node.lan'] } } }),
    );
  });

  it('uses only values that there are', () => {
    const paths = templates.flatMap((text) =>
      [...text.matchAll(/\.Values((?:\.\w+)+)/g)].map((match) => match[1]!),
    );
    assert.ok(paths.length > 25);
    for (const path of paths) {
      let value: unknown = values;
      for (const key of path.slice(1).split('.')) {
        assert.ok(typeof value === 'object' && value !== null && Object.hasOwn(value, key), path);
        value = (value as Tree)[key];
      }
    }
  });

  it('takes the version of the program and the rules of config/prometheus', () => {
    const { version } = JSON.parse(readFileSync(join(configFolder, '../package.json'), 'utf8')) as {
      version: string;
    };
    assert.equal((parse(chartFile('Chart.yaml')) as Tree)['appVersion'], version);
    assert.equal(realpathSync(join(chart, 'rules')), realpathSync(join(configFolder, 'prometheus/rules')));
  });
});

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of a configuration file, not of JavaScript
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { Config } from '#src/config/config.js';
import { ConfigError } from '#src/config/configError.js';
import { configTemplate } from '#src/config/configTemplate.js';
import { keyPaths } from '#src/config/knownKeys.js';
import { loadConfig } from '#src/config/loadConfig.js';
import { ModelListFile } from '#src/config/modelBackends.js';
import { modelBackendTemplate } from '#src/config/modelBackendTemplate.js';
import { propertyRuns } from '#test/runs.js';
import { writeHome } from './configHome.js';

const home = mkdtempSync(join(tmpdir(), 'fxn-fuzz-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** Loads, or fails with a ConfigError whose every problem has a place; anything else fails the test. */
function loadsOrExplains(config: string, modelBackend: string): void {
  writeHome(home, { config, modelBackend });
  try {
    loadConfig({ home, env: { A: '1' } });
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    assert.ok(thrown.problems.length > 0);
    for (const { line, column } of thrown.problems) {
      assert.ok(Number.isInteger(line) && line >= 1 && Number.isInteger(column) && column >= 1);
    }
  }
}

const names = [
  ...new Set([...keyPaths(Config), ...keyPaths(ModelListFile)].flatMap((path) => path.split(/\.|\[\]/))),
];
const key = fc.oneof(fc.constantFrom(...names), fc.string());
const scalar = fc.oneof(
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(
    '5s',
    '10mb',
    '${A}',
    '${',
    '0x0a7A1fF52515C24FAa17c13B916679926272ffc4',
    'http://h',
    'auto',
    '__proto__',
  ),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 8 }),
  ),
}));

test('random trees of known and unknown keys load or are explained', () => {
  fc.assert(
    fc.property(tree, tree, (config, modelBackend) =>
      loadsOrExplains(stringify(config), stringify(modelBackend)),
    ),
    { numRuns: propertyRuns(2_000) },
  );
});

test('random text, and text of YAML punctuation, loads or is explained', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(...'ab:-?[]{}&*!|>%@`"\'#,\n\t  ~<=$0.'),
    maxLength: 80,
  });
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), yamlish), yamlish, loadsOrExplains), {
    numRuns: propertyRuns(4_000),
  });
});

test('templates with a piece cut out, doubled or overwritten load or are explained', () => {
  const damaged = (text: string): fc.Arbitrary<string> =>
    fc
      .tuple(
        fc.nat({ max: text.length }),
        fc.nat({ max: 60 }),
        fc.constantFrom('', ': ', '- ', '\n', '${A}', '&a ', '*a'),
      )
      .map(([at, length, piece]) => text.slice(0, at) + piece + text.slice(at + length));
  fc.assert(fc.property(damaged(configTemplate), damaged(modelBackendTemplate), loadsOrExplains), {
    numRuns: propertyRuns(600),
  });
});

test('nesting that overflows the stack of the parser is explained', () => {
  loadsOrExplains('['.repeat(200_000), '{a: '.repeat(100_000));
  loadsOrExplains('- '.repeat(100_000), '? '.repeat(100_000));
});

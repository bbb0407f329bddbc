/** Holds the generated parts of the README to the code, and the generator to what it is for. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Config } from '#src/config/config.js';
import { configTemplate } from '#src/config/configTemplate.js';
import { keyPaths } from '#src/config/knownKeys.js';
import { amount, duration, group, integer, list, text, word } from '#src/config/leaves.js';
import { FlatBackendFile, ModelListFile } from '#src/config/modelBackends.js';
import { exportedMetrics } from '../monitoring/exportedMetrics.js';
import { keyRows } from './configurationTables.js';
import { renewManual } from './manual.js';
import { table } from './table.js';
import { templateComments } from './templateComments.js';

const readme = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8');

/** First cells of all tables. */
const firstCells = (markdown: string): string[] =>
  [...markdown.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');

describe('the manual', () => {
  it('is what the code makes of it', async () => {
    const renewed = await renewManual(readme);
    const place = renewed.split('\n').findIndex((line, index) => line !== readme.split('\n')[index]);
    const remedy = `README.md differs from the code from line ${place + 1} on: run "npm run manual" and commit it`;
    assert.ok(renewed === readme, remedy);
  });

  it('mends what was edited or lost between its marks, and nothing else', async () => {
    const damaged = readme.replace('| `chainId` |', '| `chainid` |').replace(/^\| `fxn_ready` .*\n/m, '');
    assert.notEqual(damaged, readme);
    assert.equal(await renewManual(damaged), await renewManual(readme));
    const edited = readme.replace('# Provider node', '# My node');
    assert.ok((await renewManual(edited)).startsWith('# My node'));
  });

  it('says which marks are missing', async () => {
    const cut = readme.replace('<!-- end of metrics -->', '');
    await assert.rejects(renewManual(cut), /README\.md lacks the lines .*<!-- end of metrics -->/);
  });

  it('has every key that a file may give and every metric that a node exports', async () => {
    const cells = new Set(firstCells(readme));
    const leaves = (paths: readonly string[]): string[] =>
      paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
    const keys = [Config, ModelListFile, FlatBackendFile].flatMap((schema) => leaves(keyPaths(schema)));
    const metrics = (await exportedMetrics()).map(({ name }) => name);
    const own = metrics.filter((name) => !/^(?:process|nodejs)_/.test(name));
    assert.ok(keys.length > 90 && own.length > 60);
    assert.deepEqual(
      [...keys, ...own].filter((name) => !cells.has(name)),
      [],
    );
  });
});

describe('a table of keys', () => {
  const template = [
    '# Head of the file.',
    '',
    '# Of the group,',
    '# in two lines.',
    'a:',
    '  # How "fast".',
    '  b: 1',
    '',
    '  # Above an empty line.',
    '',
    '  # Which of them.',
    '  c: "x"',
    'd:',
    '    # Name of the item.',
    '  - e: "1s"',
    '    # Secret one.',
    '    f: ""',
    '',
  ].join('\n');

  it('takes types and defaults from the schema and meanings from the comments of the template', () => {
    const schema = group({
      d: list(
        group({ f: text('x', { fallback: '', pattern: '', secret: 'whole' }), e: duration('90s', '3s') }),
        { description: 'x' },
      ),
      a: group({ c: word(['x', 'y'], {}), b: amount(0.5, 0, 2) }),
    });
    const comments = new Map([...templateComments(template), ['d', 'Items.']]);
    assert.deepEqual(
      keyRows(schema, comments, (path) => path === 'a.b'),
      [
        ['`a`', '', '', 'Of the group, in two lines.'],
        ['`a.b`', 'number 0 to 2; **reload**', '`0.5`', 'How `"fast"`.'],
        ['`a.c`', '`x`, `y`', '**required**', 'Which of them.'],
        ['`d[].e`', 'duration from 3s', '`"1m30s"`', 'Name of the item.'],
        ['`d[].f`', 'text; **secret**', '`""`', 'Secret one.'],
        ['`d`', 'list of mappings', '**required**', 'Items.'],
      ],
    );
  });

  it('is refused while a key has no comment', () => {
    const schema = group({ a: group({ b: integer(1, 0, 2), z: integer(1, 0, 2) }) });
    assert.throws(() => keyRows(schema, templateComments(template)), /comment above each .*: a\.z$/);
  });

  it('takes nothing for a comment of a key that stands above an empty line or in the head', () => {
    const comments = templateComments(configTemplate);
    assert.equal(comments.get('node'), undefined);
    assert.equal(comments.get('node.maxBodyBytes'), 'Largest request body.');
  });

  it('escapes what Markdown would read as something else', () => {
    assert.equal(table(['a'], [['/v1/* <b> x|y `*<`']]), '| a |\n|---|\n| /v1/\\* \\<b> x\\|y `*<` |');
  });
});

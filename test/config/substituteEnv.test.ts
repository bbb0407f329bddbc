// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of a configuration file, not of JavaScript
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { substituteEnv } from '#src/config/substituteEnv.js';
import { propertyRuns } from '#test/runs.js';

const env = { HOST: 'h', PORT: '1', EMPTY: '' };

test('replaces references at any position', () => {
  assert.equal(substituteEnv('http://${HOST}:${PORT}/x', env).text, 'http://h:1/x');
  assert.equal(substituteEnv('${EMPTY}', env).text, '');
  assert.equal(substituteEnv('plain $HOST {HOST}', env).text, 'plain $HOST {HOST}');
});

test('takes the default when a name is unset or empty', () => {
  assert.equal(substituteEnv('${NONE:-a b}', env).text, 'a b');
  assert.equal(substituteEnv('${EMPTY:-x}', env).text, 'x');
  assert.equal(substituteEnv('${NONE:-}', env).text, '');
  assert.equal(substituteEnv('${HOST:-x}', env).text, 'h');
});

test('turns $${ into a literal ${ and leaves its inside alone', () => {
  const result = substituteEnv('$${HOST} ${HOST}', env);
  assert.equal(result.text, '${HOST} h');
  assert.deepEqual(result.faults, []);
});

test('names every unset variable, and does not take inherited properties for variables', () => {
  const { faults } = substituteEnv('${NONE} ${constructor} ${__proto__}', env);
  assert.equal(faults.length, 3);
  assert.match(faults[0]!, /NONE/);
  assert.match(faults[1]!, /constructor/);
});

test('reports references that do not end or have no valid name', () => {
  for (const text of ['${', '${HOST', '${1A}', '${}', '${HOST:x}', '${A:-${B}']) {
    assert.ok(substituteEnv(text, env).faults.length > 0, text);
  }
});

test('does not look for references inside the values it puts in', () => {
  assert.equal(substituteEnv('${A}', { A: '${B}', B: 'secret' }).text, '${B}');
});

test('leaves text without "${" as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.includes('${'));
      return substituteEnv(text, env).text === text;
    }),
    { numRuns: propertyRuns(500) },
  );
});

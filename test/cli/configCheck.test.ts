import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { runConfigCheck } from '#src/cli/configCheck.js';
import { emptyHome, oneModel, required, writeHome } from '../config/configHome.js';

function check(home: string): { code: number; out: string; err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  return { code: runConfigCheck({ home, env: {} }, io), out: out.join('\n'), err };
}

test('prints both files as YAML without their secrets and ends with 0', (t) => {
  const home = emptyHome(t);
  writeHome(home, { modelBackend: `${oneModel}        apiKey: s3cret\n` });
  const { code, out, err } = check(home);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.doesNotMatch(out, /s3cret/);
  const [config, modelBackends] = parseAllDocuments(out).map((document) => document.toJS());
  assert.equal(config.auth.maxAge, '1m');
  assert.equal(modelBackends.models[0].backends[0].apiKey, '[redacted]');
});

test('prints warnings beside the configuration', (t) => {
  const home = emptyHome(t);
  writeHome(home, { config: `${required}proxy: { idleConnTimeout: 90s }` });
  const { code, err } = check(home);
  assert.equal(code, 0);
  assert.equal(err.length, 1);
  assert.match(err[0]!, /^warning: .*config\.yaml:5:27: proxy\.idleConnTimeout/);
});

test('prints every problem and ends with 2', (t) => {
  const home = emptyHome(t);
  writeHome(home, { config: `${required}chainId: x\ncolour: red\n`, modelBackend: 'models: []' });
  const { code, out, err } = check(home);
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.equal(err.length, 3);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDocument } from 'yaml';
import { Config } from '#src/config/config.js';
import { configTemplate } from '#src/config/configTemplate.js';
import { keyPaths } from '#src/config/knownKeys.js';
import { loadConfig } from '#src/config/loadConfig.js';
import { FlatBackendFile, ModelListFile } from '#src/config/modelBackends.js';
import { modelBackendTemplate } from '#src/config/modelBackendTemplate.js';
import { writeDefaultConfig } from '#src/config/writeDefaultConfig.js';
import { NodeError } from '#src/errors/nodeError.js';
import { homePaths } from '#src/lib/homePaths.js';
import { emptyHome, load, oneModel, required } from './configHome.js';

test('a first start writes two private files that load without a warning, and leaves nothing else', (t) => {
  const home = join(emptyHome(t), 'new', 'home');
  const paths = homePaths(home);
  assert.deepEqual(writeDefaultConfig(paths), [paths.configFile, paths.modelBackendFile]);
  assert.deepEqual(readdirSync(home).sort(), ['config.yaml', 'model_backend.yaml']);
  for (const path of [paths.configFile, paths.modelBackendFile])
    assert.equal(statSync(path).mode & 0o777, 0o600);
  const { config, modelBackends, warnings } = loadConfig({ home, env: {} });
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.rpcProvider, ['https://base-sepolia-public.nodies.app']);
  assert.equal(modelBackends.models[0]?.backends[0]?.url, 'http://127.0.0.1:8000');
});

test('never touches a file that exists', (t) => {
  const home = emptyHome(t);
  const paths = homePaths(home);
  writeFileSync(paths.configFile, 'mine');
  assert.deepEqual(writeDefaultConfig(paths), [paths.modelBackendFile]);
  assert.deepEqual(writeDefaultConfig(paths), []);
  assert.equal(readFileSync(paths.configFile, 'utf8'), 'mine');
});

test('a folder that cannot be made is an error that names the file', (t) => {
  const home = emptyHome(t);
  writeFileSync(join(home, 'file'), '');
  assert.throws(
    () => writeDefaultConfig(homePaths(join(home, 'file', 'x'))),
    (error: unknown) =>
      error instanceof NodeError && error.code === 'config_invalid' && /config\.yaml/.test(error.message),
  );
});

/** Whether a YAML document gives a key of a schema, lists looked at in their first item. */
const gives = (text: string, path: string): boolean =>
  parseDocument(text).hasIn(
    path
      .replaceAll('[]', '.0')
      .split('.')
      .map((key) => (key === '0' ? 0 : key)),
  );

test('the templates name every key of their schemas', () => {
  const missing = [
    ...keyPaths(Config).filter((path) => !gives(configTemplate, path)),
    ...keyPaths(ModelListFile).filter((path) => !gives(modelBackendTemplate, path)),
    ...keyPaths(FlatBackendFile).filter((key) => !modelBackendTemplate.includes(`# ${key}:`)),
  ];
  assert.deepEqual(missing, []);
});

test('the template of config.yaml holds the defaults and nothing else, without a warning', (t) => {
  const { config: shipped, warnings } = load(t, { config: configTemplate });
  const defaults = load(t, {}).config;
  const { rpcProvider, schedulerAddress, registry, keys, ...rest } = shipped;
  assert.deepEqual(
    { ...rest, rpcProvider: defaults.rpcProvider, schedulerAddress, registry, keys: defaults.keys },
    defaults,
  );
  assert.match(keys.file, /nodekey\.json$/);
  assert.equal(rpcProvider.length, 1);
  assert.deepEqual(warnings, []);
});

test('the forms in the comments of the model backend template load as well', (t) => {
  const lines = modelBackendTemplate.split('\n');
  const commented = (from: RegExp, to: RegExp): string =>
    lines
      .slice(
        lines.findIndex((line) => from.test(line)),
        lines.findLastIndex((line) => to.test(line)) + 1,
      )
      .map((line) => line.replace(/^# ?/, ''))
      .join('\n');
  const flat = commented(/^# backendProvider:/, /^# modelNameAlias:/);
  assert.equal(load(t, { config: required, modelBackend: flat }).modelBackends.default, '2');
  const second = commented(/^# {2}- name:/, /^# {8}weight: 2/).replaceAll(/^ /gm, '  ');
  const modelBackend = `${oneModel}${second}\n`;
  const { models } = load(t, { modelBackend }, { INFERENCE_TOKEN: 't' }).modelBackends;
  assert.equal(models[1]?.backends[1]?.bearerToken, 't');
  assert.equal(models[1]?.backends[1]?.url, 'https://inference.example.com');
});

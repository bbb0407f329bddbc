import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { homePaths, isKeyName, resolveHome } from '#src/lib/homePaths.js';

test('takes --home before FXN_HOME before ~/.fxn, always absolute', () => {
  assert.equal(resolveHome('/a', { FXN_HOME: '/b', HOME: '/c' }), '/a');
  assert.equal(resolveHome(undefined, { FXN_HOME: '/b', HOME: '/c' }), '/b');
  assert.equal(resolveHome(undefined, { HOME: '/c' }), '/c/.fxn');
  assert.equal(resolveHome(undefined, { FXN_HOME: '', HOME: '' }), join(homedir(), '.fxn'));
  assert.equal(resolveHome('here', {}), resolve('here'));
});

test('names every file inside the home folder', () => {
  const paths = homePaths('/home');
  assert.equal(paths.configFile, '/home/config.yaml');
  assert.equal(paths.modelBackendFile, '/home/model_backend.yaml');
  assert.equal(paths.keyFile(), '/home/nodekey.json');
  assert.equal(paths.keyFile('second'), '/home/keys/second.json');
  assert.equal(paths.replayMarkFile, '/home/replay-mark');
  assert.equal(paths.sharedStoreFile, '/home/shared-store');
  assert.equal(paths.providerJournalFile, '/home/provider-journal.json');
});

test('takes overridden files from the working directory, not from the home folder', () => {
  const paths = homePaths('/home', { configFile: 'my.yaml', modelBackendFile: '/etc/models.yaml' });
  assert.equal(paths.configFile, resolve('my.yaml'));
  assert.equal(paths.modelBackendFile, '/etc/models.yaml');
});

test('refuses key names that would leave the folder of keys', () => {
  for (const name of ['..', '../x', 'a/b', 'a\\b', '.hidden', '', 'a\0b', 'x'.repeat(65)]) {
    assert.equal(isKeyName(name), false, JSON.stringify(name));
    assert.throws(() => homePaths('/home').keyFile(name), RangeError);
  }
  assert.equal(isKeyName('gateway-1.test_2'), true);
});

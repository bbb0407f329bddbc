import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareHome } from '#src/cli/homeFolder.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

test('makes the folder for its owner alone', async (t) => {
  const home = join(await temporaryFolder(t), 'a', 'b');
  prepareHome(home);
  prepareHome(home);
  assert.equal(statSync(home).mode & 0o777, 0o700);
});

test('a folder that cannot be made or written is an error with the path and the way out', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  writeFileSync(file, '');
  const homes = [join(file, 'home'), file];
  for (const home of homes) {
    assert.throws(
      () => prepareHome(home),
      (thrown: Error & { code?: string }) => {
        assert.equal(thrown.code, 'config_invalid');
        assert.ok(thrown.message.includes(home));
        assert.match(thrown.message, /\(E[A-Z]+\): choose another --home or FXN_HOME\.$/);
        return true;
      },
    );
  }
});

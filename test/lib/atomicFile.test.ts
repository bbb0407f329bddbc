import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createFileExclusive, createFileExclusiveSync, writeFileAtomic } from '#src/lib/atomicFile.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('replacing a file', () => {
  test('writes a new file and replaces an old one, leaving nothing else behind', async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'mark');
    await writeFileAtomic(path, 'first', { mode: 0o600 });
    await writeFileAtomic(path, Uint8Array.of(0x32, 0x6e, 0x64), { mode: 0o600 });
    assert.equal(await readFile(path, 'utf8'), '2nd');
    assert.deepEqual(await readdir(folder), ['mark']);
  });

  test('gives exactly the mode asked for, whatever the umask', async (t) => {
    const path = join(await temporaryFolder(t), 'mark');
    const umask = process.umask(0o077);
    try {
      await writeFileAtomic(path, '', { mode: 0o644 });
      assert.equal(await modeOf(path), 0o644);
      process.umask(0);
      await writeFileAtomic(path, '', { mode: 0o600 });
      assert.equal(await modeOf(path), 0o600);
    } finally {
      process.umask(umask);
    }
  });

  test('replaces a symbolic link instead of writing through it', async (t) => {
    const folder = await temporaryFolder(t);
    const target = join(folder, 'target');
    await writeFile(target, 'untouched');
    await symlink(target, join(folder, 'link'));
    await writeFileAtomic(join(folder, 'link'), 'new', { mode: 0o600 });
    assert.equal(await readFile(target, 'utf8'), 'untouched');
    assert.equal(await readFile(join(folder, 'link'), 'utf8'), 'new');
  });

  test('cleans up and throws when the name cannot be had', async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, 'taken', 'inside'), { recursive: true });
    await assert.rejects(async () => writeFileAtomic(join(folder, 'taken'), 'x', { mode: 0o600 }));
    assert.deepEqual(await readdir(folder), ['taken']);
    await assert.rejects(async () => writeFileAtomic(join(folder, 'absent', 'x'), 'x', { mode: 0o600 }), {
      code: 'ENOENT',
    });
  });
});

const creating = {
  'the asynchronous form': createFileExclusive,
  'the synchronous form': async (...args: Parameters<typeof createFileExclusiveSync>) =>
    createFileExclusiveSync(...args),
};

for (const [form, create] of Object.entries(creating)) {
  describe(`creating a file, ${form}`, () => {
    test('creates it whole, with its mode, and leaves nothing else behind', async (t) => {
      const folder = await temporaryFolder(t);
      const path = join(folder, 'key');
      assert.equal(await create(path, 'secret', { mode: 0o600 }), true);
      assert.equal(await readFile(path, 'utf8'), 'secret');
      assert.equal(await modeOf(path), 0o600);
      assert.deepEqual(await readdir(folder), ['key']);
    });

    test('leaves a file that is there as it is', async (t) => {
      const folder = await temporaryFolder(t);
      const path = join(folder, 'key');
      await writeFile(path, 'staked', { mode: 0o640 });
      assert.equal(await create(path, 'other', { mode: 0o600 }), false);
      assert.equal(await readFile(path, 'utf8'), 'staked');
      assert.deepEqual(await readdir(folder), ['key']);
    });

    test('does not write through a dangling link', async (t) => {
      const folder = await temporaryFolder(t);
      const path = join(folder, 'key');
      await symlink(join(folder, 'elsewhere'), path);
      assert.equal(await create(path, 'secret', { mode: 0o600 }), false);
      assert.equal(await readlink(path), join(folder, 'elsewhere'));
      assert.deepEqual(await readdir(folder), ['key']);
    });

    test('throws what is not a taken name', async (t) => {
      const folder = await temporaryFolder(t);
      await assert.rejects(async () => create(join(folder, 'absent', 'key'), 'x', { mode: 0o600 }), {
        code: 'ENOENT',
      });
    });
  });
}

test('of many writers racing for one name exactly one wins, and its bytes are whole', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'key');
  const contents = Array.from({ length: 16 }, (_, writer) => `${writer} `.repeat(10_000));
  const won = await Promise.all(
    contents.map((content) => createFileExclusive(path, content, { mode: 0o600 })),
  );
  assert.equal(won.filter(Boolean).length, 1);
  assert.equal(await readFile(path, 'utf8'), contents[won.indexOf(true)]);
  assert.deepEqual(await readdir(folder), ['key']);
});

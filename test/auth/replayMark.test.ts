import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createReplayMarkWriter, readReplayMark } from '#src/auth/replayMark.js';
import type { NodeError } from '#src/errors/nodeError.js';
import { createFrontVitals, FrontVitals } from '#src/shm/frontVitals.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

const markFile = async (test: TestContext): Promise<string> =>
  join(await temporaryFolder(test), 'replay-mark');
const createVitals = (): FrontVitals => new FrontVitals(createFrontVitals(1));

describe('the recorded replay mark', () => {
  it('is 0 where there is no file', async (test) => {
    assert.equal(readReplayMark(await markFile(test)), 0);
  });

  it('is the second in the file', async (test) => {
    const file = await markFile(test);
    for (const text of ['1750000000', '1750000000\n', ' 1750000000\r\n']) {
      await writeFile(file, text);
      assert.equal(readReplayMark(file), 1_750_000_000, JSON.stringify(text));
    }
  });

  it('of a damaged file refuses the start', async (test) => {
    const file = await markFile(test);
    for (const text of ['', '\n', '-1', '1e9', '1.5', 'x', '175000000\u00000', '1'.repeat(12), '1\n2']) {
      await writeFile(file, text);
      const refusal = { code: 'config_invalid' } satisfies Partial<NodeError>;
      assert.throws(() => readReplayMark(file), refusal, JSON.stringify(text));
    }
  });

  it('that cannot be read refuses the start', async (test) => {
    const file = await markFile(test);
    await mkdir(file);
    assert.throws(() => readReplayMark(file), { code: 'config_invalid' } satisfies Partial<NodeError>);
  });
});

describe('recording the replay mark', () => {
  it('it is on disk before the fronts are told', async (test) => {
    const file = await markFile(test);
    const vitals = createVitals();
    const record = createReplayMarkWriter(file, vitals);
    await record(1_750_000_010);
    assert.equal(readReplayMark(file), 1_750_000_010);
    assert.equal(vitals.storedMarkS, 1_750_000_010);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('it never moves back', async (test) => {
    const file = await markFile(test);
    const vitals = createVitals();
    const record = createReplayMarkWriter(file, vitals);
    await record(20);
    await record(10);
    assert.deepEqual([readReplayMark(file), vitals.storedMarkS], [20, 20]);
  });

  it('what an earlier process recorded is not written again', async (test) => {
    const file = await markFile(test);
    const vitals = createVitals();
    vitals.storedMarkS = 100;
    await createReplayMarkWriter(file, vitals)(100);
    await assert.rejects(readFile(file), { code: 'ENOENT' });
  });

  it('of many at once each waits until its own second is on disk', async (test) => {
    const file = await markFile(test);
    const vitals = createVitals();
    const record = createReplayMarkWriter(file, vitals);
    const seconds = Array.from({ length: 50 }, (_, i) => 1_750_000_000 + ((i * 37) % 50));
    await Promise.all(
      seconds.map(async (second) => {
        await record(second);
        assert.ok(vitals.storedMarkS >= second);
        assert.ok(readReplayMark(file) >= second);
      }),
    );
    assert.equal(readReplayMark(file), 1_750_000_049);
  });

  it('a write that fails is told to all who wait for it, and the next one is tried', async (test) => {
    const folder = join(await temporaryFolder(test), 'home');
    const file = join(folder, 'replay-mark');
    const vitals = createVitals();
    const record = createReplayMarkWriter(file, vitals);
    const results = await Promise.allSettled([record(10), record(20)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(vitals.storedMarkS, 0);
    await mkdir(folder);
    await record(15);
    // The larger second that was wanted before is on disk too.
    assert.deepEqual([readReplayMark(file), vitals.storedMarkS], [20, 20]);
  });
});

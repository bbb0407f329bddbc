import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type StoreStart, startWithStore } from '#src/auth/storeChange.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

describe('the replay mark of a node that changes its store', () => {
  const open = async (test: TestContext) => {
    const file = join(await temporaryFolder(test), 'shared-store');
    const recorded: number[] = [];
    const begin = (isShared: boolean, lockedAtS: number): Promise<StoreStart> =>
      startWithStore({
        file,
        isShared,
        markS: Math.max(lockedAtS, ...recorded),
        lockedAtS,
        maxSkewS: 30,
        record: async (second) => void recorded.push(second),
      });
    const start = async (isShared: boolean, lockedAtS: number): Promise<number> =>
      (await begin(isShared, lockedAtS)).replayMarkS;
    return { file, recorded, begin, start };
  };

  it('is the start of each process with memory alone', async (test) => {
    const { start, file, recorded } = await open(test);
    assert.equal(await start(false, 1_000), 1_000);
    assert.equal(await start(false, 2_000), 2_000);
    assert.deepEqual([existsSync(file), recorded], [false, []]);
  });

  it('stays where the shared store began, however often the node starts', async (test) => {
    const { start } = await open(test);
    assert.equal(await start(true, 1_000), 1_000);
    assert.equal(await start(true, 2_000), 1_000);
    assert.equal(await start(true, 3_000), 1_000);
  });

  it('knows the first use of a shared store', async (test) => {
    const { begin } = await open(test);
    const uses: boolean[] = [];
    for (const [second, isShared] of [false, true, true, false, true].entries()) {
      uses.push((await begin(isShared, 1_000 * (second + 1))).isFirstUse);
    }
    assert.deepEqual(uses, [false, true, false, false, true]);
  });

  it('covers what the shared store let in ahead of the clock, over crashes too', async (test) => {
    const { start, file } = await open(test);
    await start(true, 1_000);
    assert.equal(await start(false, 2_000), 2_030);
    assert.equal(existsSync(file), false);
    assert.equal(await start(false, 2_001), 2_030, 'as recorded');
    assert.equal(await start(true, 2_002), 2_030, 'and back');
  });
});

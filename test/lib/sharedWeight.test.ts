/** Garbage over shared memory, which V8 does not count. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { sharedFloat64 } from '#src/compute/sharedArrays.js';

describe('large shared arrays', () => {
  it('that were let go are collected although hardly anything else is made (they piled up to gigabytes)', async () => {
    const arrays = 40;
    const values = 2 ** 21;
    const before = process.memoryUsage.rss();
    for (let i = 0; i < arrays; i++) {
      sharedFloat64(values).fill(1);
      await nextTurn();
    }
    const grownBytes = process.memoryUsage.rss() - before;
    assert.ok(grownBytes < (arrays * values * 8) / 2, `grown by ${grownBytes} bytes`);
  });
});

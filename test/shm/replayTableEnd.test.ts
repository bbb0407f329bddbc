import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReplayTable, ReplayTable, type TableClaimResult } from '#src/shm/replayTable.js';

const endS = 1_750_000_000;

function claim(table: ReplayTable, caller: number, nowS: number, expiresAtS: number): TableClaimResult {
  const words = Int32Array.of(caller, caller * 7 + 1, -caller, 0x5bd1e995, caller << 8);
  return table.claim({ caller: words, nonce: 'n', timestampS: nowS, nowS, expiresAtS });
}

describe('the replay table at the end of an entry', () => {
  it('refuses a copy whose entry another front wrote over while the copy was being claimed', () => {
    const memory = createReplayTable({ capacity: 8, maxLifetimeS: 60 });
    const [slow, fast] = [new ReplayTable(memory), new ReplayTable(memory)];
    const load = Atomics.load;
    // Its first two reads: later ones are made under a lock that the others might come to wait for.
    for (let preemptAt = 1; preemptAt <= 2; preemptAt++) {
      const entryEndS = endS + preemptAt * 1_000;
      assert.equal(claim(fast, 1, entryEndS - 30, entryEndS), 'claimed');
      let loads = 0;
      // The slow front stands still after one of its reads, while a second passes and others take all free slots.
      Atomics.load = ((words: Int32Array, at: number): number => {
        const value = load(words, at);
        if (++loads === preemptAt) {
          Atomics.load = load;
          for (let caller = 2; caller < 9; caller++) claim(fast, caller, entryEndS, entryEndS + 30);
        }
        return value;
      }) as typeof Atomics.load;
      try {
        const copy = claim(slow, 1, entryEndS - 1, entryEndS);
        assert.ok(copy === 'expired' || copy === 'replayed', `preempted after read ${preemptAt}: ${copy}`);
      } finally {
        Atomics.load = load;
      }
    }
  });

  it('refuses an entry whose end it cannot hold, rather than forget it', () => {
    const table = new ReplayTable(createReplayTable({ capacity: 8, maxLifetimeS: 20 * 365 * 86_400 }));
    assert.equal(claim(table, 1, endS, 2 ** 31 - 1), 'claimed');
    assert.equal(claim(table, 1, endS, 2 ** 31 - 1), 'replayed');
    assert.equal(claim(table, 2, endS, 2 ** 31), 'full');
    assert.equal(claim(table, 2, endS, 2 ** 31), 'full');
  });
});

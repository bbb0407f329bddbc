import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { anyAuthority, type CallerAuthority, type Standing } from '#src/auth/authority.js';

const caller = Int32Array.of(1, 2, 3, 4, 5);
const standings: readonly Standing[] = ['known', 'unknown', 'unavailable'];
const always = (standing: Standing): CallerAuthority => ({ standingOf: () => standing });

describe('several authorities together', () => {
  it('know whom one of them knows; nobody can say while one is unavailable; else unknown', () => {
    for (const first of standings) {
      for (const second of standings) {
        for (const third of standings) {
          const answers = [first, second, third];
          const expected = answers.includes('known')
            ? 'known'
            : answers.includes('unavailable')
              ? 'unavailable'
              : 'unknown';
          assert.equal(anyAuthority(answers.map(always)).standingOf(caller), expected, answers.join());
        }
      }
    }
  });

  it('without any authority nobody is known', () => {
    assert.equal(anyAuthority([]).standingOf(caller), 'unknown');
  });

  it('are asked about the caller at hand', () => {
    const asked: Int32Array[] = [];
    const authority: CallerAuthority = {
      standingOf: (words) => {
        asked.push(words);
        return 'known';
      },
    };
    anyAuthority([always('unknown'), authority]).standingOf(caller);
    assert.deepEqual(asked, [caller]);
  });
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createFailureStreak } from '#src/challenge/failureStreak.js';

it('counts what this node failed at until it answers, and nothing that the scheduler did', () => {
  const streak = createFailureStreak();
  assert.deepEqual([streak.failedInARow, streak.lastFailure], [0, undefined]);
  for (const outcome of ['compute_failed', 'left', 'unknown_type', 'invalid_payload', 'compute_timeout']) {
    streak.add(outcome);
  }
  assert.deepEqual([streak.failedInARow, streak.lastFailure], [2, 'compute_timeout']);
  streak.add('answered');
  assert.equal(streak.failedInARow, 0);
});

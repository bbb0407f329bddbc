import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { startDeadline } from '#src/lib/deadline.js';

describe('a deadline', () => {
  it('aborts when its time is over, and says so', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const deadline = startDeadline(100, new AbortController().signal);
      mock.timers.tick(99);
      assert.deepEqual([deadline.signal.aborted, deadline.hasPassed], [false, false]);
      mock.timers.tick(1);
      assert.deepEqual([deadline.signal.aborted, deadline.hasPassed], [true, true]);
    } finally {
      mock.timers.reset();
    }
  });

  it('gives way to a caller that leaves, with the reason of that', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const left = new AbortController();
      const deadline = startDeadline(100, left.signal);
      left.abort(new Error('left'));
      assert.equal(deadline.signal.reason.message, 'left');
      mock.timers.tick(200);
      assert.equal(deadline.hasPassed, false);
      assert.equal(deadline.signal.reason.message, 'left');
      assert.ok(startDeadline(100, left.signal).signal.aborted);
    } finally {
      mock.timers.reset();
    }
  });

  it('that was ended never aborts', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const left = new AbortController();
      const deadline = startDeadline(100, left.signal);
      deadline.end();
      mock.timers.tick(200);
      left.abort();
      assert.deepEqual([deadline.signal.aborted, deadline.hasPassed], [false, false]);
    } finally {
      mock.timers.reset();
    }
  });
});

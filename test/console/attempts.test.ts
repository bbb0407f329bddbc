import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Attempts } from '#src/console/attempts.js';

it('allows a handful of wrong tokens at once, then one every few seconds, for each address', () => {
  let nowMs = 0;
  const attempts = new Attempts(() => nowMs);
  for (let attempt = 0; attempt < 10; attempt++) {
    assert.equal(attempts.waitS('a'), 0, `attempt ${attempt}`);
    attempts.countFailure('a');
  }
  assert.equal(attempts.waitS('a'), 6);
  assert.equal(attempts.waitS('b'), 0);
  nowMs += 6_000;
  assert.equal(attempts.waitS('a'), 0);
  attempts.countFailure('a');
  assert.equal(attempts.waitS('a'), 6);
  nowMs += 60_000;
  for (let attempt = 0; attempt < 10; attempt++) attempts.countFailure('a');
  assert.equal(attempts.waitS('a'), 6);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keepWhileUsed } from '#src/compute/keepWhileUsed.js';

it('what is asked for again and again is kept, and dropped two seconds after the last time', ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let opened = 0;
  const get = keepWhileUsed(() => ++opened);
  assert.equal(get(), 1);
  for (let i = 0; i < 5; i++) {
    mock.timers.tick(1_500);
    assert.equal(get(), 1);
  }
  mock.timers.tick(2_000);
  assert.equal(get(), 2);
  assert.equal(get(), 2);
});

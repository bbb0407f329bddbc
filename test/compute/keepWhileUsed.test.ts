import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keepWhileUsed } from '#src/compute/keepWhileUsed.js';

it('what is used again and again is kept, and dropped two seconds after the last use', ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let opened = 0;
  const use = keepWhileUsed(() => ++opened);
  const get = (): number => use((kept) => kept);
  assert.equal(get(), 1);
  for (let i = 0; i < 5; i++) {
    mock.timers.tick(1_500);
    assert.equal(get(), 1);
  }
  // Work that takes long.
  use(() => mock.timers.tick(5_000));
  assert.equal(get(), 1);
  mock.timers.tick(2_000);
  assert.equal(get(), 2);
});

it('what work failed with is dropped as well', ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let opened = 0;
  const use = keepWhileUsed(() => ++opened);
  const fail = (): never => {
    throw new Error('no memory');
  };
  assert.throws(() => use(fail), /no memory/);
  mock.timers.tick(2_000);
  assert.equal(
    use((kept) => kept),
    2,
  );
});

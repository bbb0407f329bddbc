import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Ring } from '#src/lib/ring.js';

it('keeps the last items, from the oldest to the newest', () => {
  const ring = new Ring<number>(3);
  assert.deepEqual([ring.items(), ring.newest, ring.length], [[], undefined, 0]);
  ring.push(1);
  ring.push(2);
  assert.deepEqual([ring.items(), ring.newest, ring.length], [[1, 2], 2, 2]);
  for (const item of [3, 4, 5, 6, 7]) ring.push(item);
  assert.deepEqual([ring.items(), ring.newest, ring.length], [[5, 6, 7], 7, 3]);
});

it('starts anew when it is cleared', () => {
  const ring = new Ring<string>(2);
  for (const item of ['a', 'b', 'c']) ring.push(item);
  ring.clear();
  assert.deepEqual(ring.items(), []);
  ring.push('d');
  assert.deepEqual([ring.items(), ring.newest], [['d'], 'd']);
});

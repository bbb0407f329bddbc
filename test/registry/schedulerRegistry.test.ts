import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSchedulerRegistry } from '#src/registry/schedulerRegistry.js';
import { namedByActive } from '#src/shm/addressIndex.js';
import { wordsOf } from './fixture.js';

test('the scheduler is known without any chain, and nobody else is the scheduler', () => {
  const scheduler = createSchedulerRegistry('0x0a7a1ff52515c24faa17c13b916679926272ffc4');
  assert.equal(scheduler.lookup(wordsOf('0x0a7a1ff52515c24faa17c13b916679926272ffc4')), namedByActive);
  assert.equal(scheduler.lookup(wordsOf('0x0a7a1ff52515c24faa17c13b916679926272ffc5')), 0);
  assert.equal(scheduler.lookup(wordsOf('0x1a7a1ff52515c24faa17c13b916679926272ffc4')), 0);
  assert.equal(scheduler.isFresh(), true);
});

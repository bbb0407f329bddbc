import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressText } from '#src/lib/address.js';
import { createRegistrationWatch } from '#src/registry/registrationWatch.js';
import { namedByActive, namedByPaused } from '#src/shm/addressIndex.js';
import { recordingLogger } from './fixture.js';

const owner: AddressText = `0x${'0e'.repeat(20)}`;

test('every change of the own registration is told once, with a remedy when something is wrong', () => {
  let flags = 0;
  let isFresh = false;
  const view = { lookup: () => flags, isFresh: () => isFresh, ageMs: () => null, snapshot: () => undefined };
  const { log, lines } = recordingLogger();
  const watch = createRegistrationWatch(owner, view, log);
  watch.observe();
  assert.deepEqual(lines(), [], 'nothing is known yet, so there is nothing to tell');

  const tell = (next: number, fresh = true): string[] => {
    flags = next;
    isFresh = fresh;
    const before = lines().length;
    watch.observe();
    watch.observe();
    return lines()
      .slice(before)
      .map(({ level, state, remedy }) => `${level} ${state} ${remedy === undefined ? 'fine' : 'remedy'}`);
  };
  assert.deepEqual(tell(namedByActive | namedByPaused), ['info active fine']);
  assert.deepEqual(tell(namedByPaused), ['warn paused remedy']);
  assert.deepEqual(tell(0), ['warn absent remedy']);
  assert.deepEqual(tell(namedByActive, false), ['warn unknown remedy']);
  assert.deepEqual(tell(namedByActive), ['info active fine']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameDistance, nearestName } from '#src/lib/nearestName.js';
import { propertyRuns } from '#test/runs.js';

test('counts a swap of neighbours once, and letter case and separators not at all', () => {
  assert.equal(nameDistance('listenPort', 'listenProt'), 1);
  assert.equal(nameDistance('bypass_auth', 'bypassAuth'), 0);
  assert.equal(nameDistance('LISTENPORT', 'listenPort'), 0);
  assert.equal(nameDistance('verbosty', 'verbosity'), 1);
});

test('finds the nearest of several candidates, and none when all are far', () => {
  const keys = ['listenPort', 'listenAddress', 'threads', 'publicIp', 'publicUrl'];
  assert.equal(nearestName('listenAdress', keys), 'listenAddress');
  assert.equal(nearestName('publicURI', keys), 'publicUrl');
  assert.equal(nearestName('colour', keys), undefined);
  assert.equal(nearestName('x', []), undefined);
});

test('a word of one letter is not taken for every other word of one letter', () => {
  assert.equal(nearestName('a', ['threads']), undefined);
});

test('the distance is symmetric, and 0 between a name and itself', () => {
  const name = fc.string({ unit: fc.constantFrom(...'abcAB_-'), maxLength: 12 });
  fc.assert(
    fc.property(name, name, (left, right) => {
      assert.equal(nameDistance(left, right), nameDistance(right, left));
      assert.equal(nameDistance(left, left), 0);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test('one edit in a long name is found', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: 6, maxLength: 20 });
  fc.assert(
    fc.property(letters, fc.nat(), (name, at) => {
      const cut = at % name.length;
      assert.equal(nearestName(name.slice(0, cut) + name.slice(cut + 1), [name]), name);
    }),
    { numRuns: propertyRuns(500) },
  );
});

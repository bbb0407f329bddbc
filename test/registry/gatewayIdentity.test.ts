import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gatewaySigners, providerSigners } from '#src/registry/gatewayIdentity.js';
import { propertyRuns } from '#test/runs.js';

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .filter((bytes) => bytes.some((byte) => byte !== 0));
const signersAsText = (owner: Uint8Array, id: Uint8Array): string[] =>
  gatewaySigners({ owner: hex(owner), id: hex(id) }).map(hex);

test('an id of 20 bytes is an address, and so is its text in any mix of cases with or without 0x', () => {
  const written = fc
    .tuple(address, fc.constantFrom('', '0x', '0X'), fc.nat())
    .map(([bytes, prefix, mask]) => {
      const digits = [...Buffer.from(bytes).toString('hex')];
      const mixed = digits
        .map((digit, i) => ((mask >>> (i % 31)) & 1 ? digit.toUpperCase() : digit))
        .join('');
      return { bytes, asText: Buffer.from(prefix + mixed, 'latin1') };
    });
  fc.assert(
    fc.property(address, written, (owner, { bytes, asText }) => {
      assert.deepEqual(signersAsText(owner, bytes), [hex(owner), hex(bytes)]);
      assert.deepEqual(signersAsText(owner, asText), [hex(owner), hex(bytes)]);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test('an id that is no address names its owner alone', () => {
  const ids = [
    '',
    'gateway-1',
    '0x',
    `${'a'.repeat(39)}g`,
    'a'.repeat(41),
    `0x${'a'.repeat(39)}`,
    'é'.repeat(20),
  ];
  const owner = new Uint8Array(20).fill(9);
  for (const id of ids) assert.deepEqual(signersAsText(owner, Buffer.from(id, 'utf8')), [hex(owner)]);
  assert.deepEqual(signersAsText(owner, new Uint8Array(19)), [hex(owner)]);
  assert.deepEqual(signersAsText(owner, new Uint8Array(21)), [hex(owner)]);
});

test('the zero address is nobody', () => {
  const zero = new Uint8Array(20);
  assert.deepEqual(signersAsText(zero, zero), []);
  assert.deepEqual(signersAsText(zero, Buffer.from('0'.repeat(40))), []);
  assert.deepEqual(providerSigners({ owner: hex(zero), id: '0x01' }), []);
});

test('a provider is its owner, whatever its id says', () => {
  const owner = new Uint8Array(20).fill(1);
  assert.deepEqual(providerSigners({ owner: hex(owner), id: hex(new Uint8Array(20).fill(2)) }).map(hex), [
    hex(owner),
  ]);
});

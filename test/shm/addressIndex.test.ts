import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NodeError } from '#src/errors/nodeError.js';
import { addressWords } from '#src/lib/addressWords.js';
import { AddressIndex, addressIndexBytes, encodeAddressIndex } from '#src/shm/addressIndex.js';
import { propertyRuns } from '#test/runs.js';

const address = fc.uint8Array({ minLength: 20, maxLength: 20 });
// Few distinct bytes make duplicates and neighbours likely.
const crowdedAddress = fc
  .array(fc.nat(1), { minLength: 20, maxLength: 20 })
  .map((bits) => Uint8Array.from(bits));
const entry = fc.record({
  address: fc.oneof(address, crowdedAddress),
  flags: fc.integer({ min: 1, max: 3 }),
});
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('an index answers like a map, with the flags of one address joined', () => {
  fc.assert(
    fc.property(fc.array(entry), fc.array(address), fc.integer(), (entries, strangers, seed) => {
      const expected = new Map<string, number>();
      for (const { address: bytes, flags } of entries) {
        expected.set(text(bytes), (expected.get(text(bytes)) ?? 0) | flags);
      }
      const index = new AddressIndex(encodeAddressIndex(entries, seed | 0));
      assert.equal(index.size, expected.size);
      for (const bytes of [...entries.map((one) => one.address), ...strangers]) {
        assert.equal(index.lookup(addressWords(bytes)), expected.get(text(bytes)) ?? 0);
      }
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test('the words of an address are little-endian whatever its alignment', () => {
  const bytes = Uint8Array.from({ length: 21 }, (_, i) => 0xf0 + i).subarray(1);
  const expected = Array.from({ length: 5 }, (_, i) => Buffer.from(bytes).readInt32LE(4 * i));
  assert.deepEqual([...addressWords(bytes)], expected);
});

test('an index is read at any alignment', () => {
  const bytes = encodeAddressIndex([{ address: new Uint8Array(20).fill(7), flags: 1 }]);
  const shifted = new Uint8Array(bytes.byteLength + 1);
  shifted.set(bytes, 1);
  assert.equal(new AddressIndex(shifted.subarray(1)).lookup(new Int32Array(5).fill(0x07070707)), 1);
});

test('10,000 gateways with three addresses each fit what is reserved for 32,768 addresses', () => {
  const entries = Array.from({ length: 30_000 }, (_, i) => {
    const bytes = new Uint8Array(20);
    new DataView(bytes.buffer).setUint32(0, i);
    return { address: bytes, flags: 1 };
  });
  const bytes = encodeAddressIndex(entries);
  assert.ok(bytes.byteLength <= addressIndexBytes(32_768));
  const index = new AddressIndex(bytes);
  assert.ok(entries.every((one) => index.lookup(addressWords(one.address)) === 1));
});

test('bytes that are no index are refused', () => {
  const good = encodeAddressIndex([{ address: new Uint8Array(20), flags: 1 }]);
  const oversized = good.slice();
  new Int32Array(oversized.buffer)[1] = 1 << 20;
  const crowded = good.slice();
  new Int32Array(crowded.buffer)[2] = 2;
  for (const bytes of [new Uint8Array(0), good.subarray(4), good.subarray(0, 20), oversized, crowded]) {
    assert.throws(
      () => new AddressIndex(bytes),
      (error) => error instanceof NodeError && error.code === 'snapshot_corrupt',
    );
  }
});

test('an entry that is no address or has no flag is refused', () => {
  for (const bad of [
    { address: new Uint8Array(19), flags: 1 },
    { address: new Uint8Array(20), flags: 0 },
  ]) {
    assert.throws(() => encodeAddressIndex([bad]), NodeError);
  }
});

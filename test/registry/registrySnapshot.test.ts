import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NodeError } from '#src/errors/nodeError.js';
import { addressWords } from '#src/lib/addressWords.js';
import { decodeRegistrySnapshot, encodeRegistrySnapshot } from '#src/registry/registrySnapshot.js';
import { propertyRuns } from '#test/runs.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('a snapshot decodes to what was encoded', () => {
  fc.assert(
    fc.property(
      fc.record({
        blockNumber: fc.maxSafeNat(),
        blockTimestampS: fc.maxSafeNat(),
        hash: bytes(32),
        entries: fc.nat(),
        addresses: fc.array(fc.record({ address: bytes(20), flags: fc.integer({ min: 1, max: 3 }) })),
      }),
      ({ hash, addresses, ...header }) => {
        const blockHash = `0x${Buffer.from(hash).toString('hex')}` as const;
        const { index, ...decoded } = decodeRegistrySnapshot(
          encodeRegistrySnapshot({ ...header, blockHash, addresses }),
        );
        assert.deepEqual(decoded, { ...header, blockHash });
        for (const { address, flags } of addresses) {
          assert.equal(index.lookup(addressWords(address)) & flags, flags);
        }
      },
    ),
    { numRuns: propertyRuns(500) },
  );
});

test('bytes that are no snapshot are refused with a code', () => {
  const good = encodeRegistrySnapshot({
    blockNumber: 1,
    blockHash: `0x${'ab'.repeat(32)}`,
    blockTimestampS: 1,
    entries: 0,
    addresses: [],
  });
  for (const bad of [new Uint8Array(0), good.subarray(0, 56), good.subarray(1), good.subarray(0, -4)]) {
    assert.throws(
      () => decodeRegistrySnapshot(bad),
      (error) => error instanceof NodeError && error.code === 'snapshot_corrupt',
    );
  }
});

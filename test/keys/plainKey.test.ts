import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parsePlainKey, parsePrivateKeyHex, plainKeyOf } from '#src/keys/plainKey.js';
import { propertyRuns } from '#test/runs.js';
import { bytesOf, gatewayKey, hexOf, schedulerKey } from './publicTestKeys.js';

const goFile = JSON.parse(gatewayKey.goFile) as Record<string, unknown>;
const mismatch = { code: 'key_file', meta: { problem: 'mismatch' } };

describe("the Go node's key file", () => {
  test('is written to the byte as Go writes it', () => {
    const written = plainKeyOf(bytesOf(gatewayKey.privateKeyHex));
    assert.equal(JSON.stringify(written, null, 2), gatewayKey.goFile);
  });

  test('is read', () => {
    assert.equal(hexOf(parsePlainKey(goFile)), gatewayKey.privateKeyHex);
  });

  test('gives back any key', () => {
    const anyKey = fc.bigInt({ min: 1n, max: 2n ** 255n });
    fc.assert(
      fc.property(anyKey, (n) => {
        const privateKey = bytesOf(n.toString(16).padStart(64, '0'));
        assert.deepEqual(parsePlainKey({ ...plainKeyOf(privateKey) }), privateKey);
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  test('may leave out the 04, carry 0x prefixes, use any letter case, or hold the private key alone', () => {
    const accepted = [
      { ...goFile, public_key: gatewayKey.publicKeyHex.slice(2) },
      { ...goFile, public_key: `0x${gatewayKey.publicKeyHex.toUpperCase()}` },
      { ...goFile, address: gatewayKey.checksumAddress.slice(2).toLowerCase() },
      { ...goFile, private_key: `0x${gatewayKey.privateKeyHex.toUpperCase()}` },
      { private_key: gatewayKey.privateKeyHex },
      { private_key: gatewayKey.privateKeyHex, public_key: '', address: '' },
    ];
    for (const file of accepted) assert.equal(hexOf(parsePlainKey(file)), gatewayKey.privateKeyHex);
  });

  test('is refused when its three parts are not of one key', () => {
    const other = plainKeyOf(bytesOf(schedulerKey.privateKeyHex));
    assert.throws(() => parsePlainKey({ ...goFile, address: other.address }), mismatch);
    assert.throws(() => parsePlainKey({ ...goFile, public_key: other.public_key }), mismatch);
    assert.throws(() => parsePlainKey({ ...goFile, private_key: other.private_key }), mismatch);
    assert.throws(() => parsePlainKey({ ...goFile, address: 'me' }), mismatch);
    assert.throws(() => parsePlainKey({ ...goFile, public_key: gatewayKey.publicKeyHex.slice(4) }), mismatch);
    assert.throws(() => parsePlainKey({ ...goFile, public_key: 'not hex' }), mismatch);
  });

  test('is refused with a private key of a wrong form, which is not repeated', () => {
    const secret = gatewayKey.privateKeyHex;
    for (const privateKey of [secret.slice(1), `${secret}00`, '', `${secret.slice(2)}zz`]) {
      assert.throws(
        () => parsePlainKey({ private_key: privateKey }),
        (thrown: Error & { meta?: unknown }) => {
          assert.deepEqual(thrown.meta, { problem: 'invalid_key' });
          assert.ok(!thrown.message.includes(secret.slice(4, 12)));
          return true;
        },
      );
    }
    assert.throws(() => parsePlainKey({ private_key: 12 }), { meta: { problem: 'unknown_format' } });
    assert.throws(() => parsePlainKey({ private_key: '0'.repeat(64) }), { meta: { problem: 'invalid_key' } });
  });
});

test('bare hex is a private key only with exactly 64 digits', () => {
  assert.deepEqual(parsePrivateKeyHex(gatewayKey.privateKeyHex), bytesOf(gatewayKey.privateKeyHex));
  assert.deepEqual(parsePrivateKeyHex(`0X${gatewayKey.privateKeyHex}`), bytesOf(gatewayKey.privateKeyHex));
  for (const text of ['', '0x', 'ab', `${gatewayKey.privateKeyHex}ab`, `${gatewayKey.privateKeyHex}\n`]) {
    assert.equal(parsePrivateKeyHex(text), undefined);
  }
});

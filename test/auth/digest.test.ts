import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { publicKeyToAddress as addressByViem, hashMessage } from 'viem/utils';
import { legacyMessage, personalDigest, publicKeyAddress } from '#src/auth/digest.js';
import { bytesOf, gatewayKey, hexOf } from '#test/keys/publicTestKeys.js';
import { propertyRuns } from '#test/runs.js';

describe('what callers sign', () => {
  it('is body hash, timestamp and nonce, joined by dots', () => {
    assert.equal(legacyMessage('e3b0', '01750000000', 'a.b'), 'e3b0.01750000000.a.b');
  });

  it('has the personal-message digest that wallets make', () => {
    const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 700 });
    fc.assert(
      fc.property(ascii, (message) => {
        assert.equal(`0x${hexOf(personalDigest(message))}`, hashMessage(message));
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('has the digest that the Go client makes', () => {
    const message =
      'f60fb0e960620b36f8f8ec3f68b04c97ca83d0e0bd2ce5d4d9e06d68b60e83f9.1750000000.1f2e3d4c5b6a7988';
    assert.equal(
      hexOf(personalDigest(message)),
      '9860c79a4faac84b55151a0966f3e227af2c768dbb7f32a080aa682b269f5ced',
    );
  });

  it('leads to the address of the key', () => {
    const publicKey = bytesOf(gatewayKey.publicKeyHex);
    const address = `0x${hexOf(publicKeyAddress(publicKey))}`;
    assert.equal(address, gatewayKey.checksumAddress.toLowerCase());
    assert.equal(address, addressByViem(`0x${gatewayKey.publicKeyHex}`).toLowerCase());
  });
});

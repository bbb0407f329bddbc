import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ClaimedCallers } from '#src/auth/claimedCallers.js';
import { legacyMessage, personalDigest } from '#src/auth/digest.js';
import { parseLegacyHeaders } from '#src/auth/legacyHeaders.js';
import { loadNativeRecovery } from '#src/auth/signerRecovery.js';
import { signRequest } from '#src/auth/signRequest.js';
import { NodeError } from '#src/errors/nodeError.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import { bytesOf, gatewayKey, schedulerKey } from '#test/keys/publicTestKeys.js';
import { propertyRuns } from '#test/runs.js';

interface SignedVector {
  readonly name: string;
  readonly role: 'gateway' | 'scheduler';
  readonly body: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly headers: Readonly<Record<string, string>>;
}

// From `dist/test/auth/`, where this file runs.
const vectorsFile = new URL('../../../test/auth/vectors.json', import.meta.url);
const { requests } = JSON.parse(readFileSync(vectorsFile, 'utf8')) as { requests: SignedVector[] };
const privateKeys = { gateway: gatewayKey.privateKeyHex, scheduler: schedulerKey.privateKeyHex } as const;

const signerOf = (privateKeyHex: string) => {
  const { checksumAddress, sign } = createNodeKey(bytesOf(privateKeyHex));
  return { address: checksumAddress, sign };
};

describe("signs as the network's Go client, to the byte", () => {
  assert.equal(requests.length, 4);
  for (const { name, role, body, timestamp, nonce, headers } of requests) {
    test(name, () => {
      const { 'Content-Type': _, ...signatureHeaders } = headers;
      const signed = signRequest({
        signer: signerOf(privateKeys[role]),
        body: Buffer.from(body, 'utf8'),
        timestampS: Number(timestamp),
        nonce,
      });
      assert.deepEqual({ ...signed }, signatureHeaders);
    });
  }
});

test('leaves a recovery byte of 27 or 28 as it is', () => {
  const signer = { address: gatewayKey.checksumAddress, sign: () => new Uint8Array(65).fill(28, 64) };
  const signed = signRequest({ signer, body: new Uint8Array(), timestampS: 1, nonce: 'n' });
  assert.equal(signed['X-Signature'].slice(-2), '1c');
});

test('refuses to send a signature of another length', () => {
  const signer = { address: gatewayKey.checksumAddress, sign: () => new Uint8Array(64) };
  assert.throws(
    () => signRequest({ signer, body: new Uint8Array(), timestampS: 1, nonce: 'n' }),
    (thrown) => thrown instanceof NodeError && thrown.code === 'internal_error',
  );
});

test('what is signed is well formed, and recovers to the signer', () => {
  const recovery = loadNativeRecovery();
  assert.ok(!('unavailable' in recovery));
  const signer = signerOf(gatewayKey.privateKeyHex);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 0, max: 99_999_999_999 }),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }),
      (body, timestampS, nonce) => {
        const signed = signRequest({ signer, body, timestampS, nonce });
        const lowerCase = Object.entries(signed).map(([key, value]) => [key.toLowerCase(), value] as const);
        const headers = parseLegacyHeaders(new Map(lowerCase), new ClaimedCallers());
        assert.ok(!(headers instanceof NodeError), String(headers));
        const bodyHash = createHash('sha256').update(body).digest('hex');
        const digest = personalDigest(legacyMessage(bodyHash, String(timestampS), nonce));
        const { signature, recoveryId } = headers;
        assert.equal(headers.caller.address, gatewayKey.checksumAddress.toLowerCase());
        assert.equal(recovery.verify({ digest, signature, recoveryId }, headers.caller.words), true);
      },
    ),
    { numRuns: propertyRuns(200) },
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { recoverInJavaScript } from '#src/auth/recoverInJavaScript.js';
import {
  createPoolRecovery,
  isLowS,
  loadNativeRecovery,
  type SignedDigest,
  type SignerRecovery,
} from '#src/auth/signerRecovery.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import { hexOf } from '#test/keys/publicTestKeys.js';
import { propertyRuns } from '#test/runs.js';

const order = secp256k1.Point.Fn.ORDER;
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const privateKey = bytes32.filter((bytes) => secp256k1.utils.isValidSecretKey(bytes));

const wordOf = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${hexOf(bytes)}`);

function sign(key: Uint8Array, digest: Uint8Array): { signed: SignedDigest; address: string } {
  const nodeKey = createNodeKey(key);
  const signature = nodeKey.sign(digest);
  const recoveryId = (signature[64]! % 27) as 0 | 1;
  return { signed: { digest, signature: signature.subarray(0, 64), recoveryId }, address: nodeKey.address };
}

function loadNative(): SignerRecovery {
  const native = loadNativeRecovery();
  assert.ok('recover' in native, 'this platform has a prebuilt library');
  return native;
}

/** The signer, asked of a recovery that answers in the same tick. */
function recoverNow(recovery: SignerRecovery, signed: SignedDigest): string | undefined {
  let answers = 0;
  let text: string | undefined;
  recovery.recover(signed, (signer, error) => {
    answers++;
    assert.equal(error, undefined);
    text = signer && `0x${hexOf(signer)}`;
  });
  assert.equal(answers, 1);
  return text;
}

const inJavaScript = (signed: SignedDigest): string | undefined => {
  const signer = recoverInJavaScript(signed);
  return signer && `0x${hexOf(signer)}`;
};

describe('recovering the signer of a digest', () => {
  const native = loadNative();

  it('finds who signed, with the library and without', () => {
    fc.assert(
      fc.property(privateKey, bytes32, (key, digest) => {
        const { signed, address } = sign(key, digest);
        assert.equal(recoverNow(native, signed), address);
        assert.equal(inJavaScript(signed), address);
      }),
      { numRuns: propertyRuns(400) },
    );
  });

  it('refuses the twin with the high s, which names the same signer', () => {
    fc.assert(
      fc.property(privateKey, bytes32, (key, digest) => {
        const { signed } = sign(key, digest);
        const s = wordOf(order - numberOf(signed.signature.subarray(32)));
        const twin: SignedDigest = {
          digest,
          signature: Buffer.concat([signed.signature.subarray(0, 32), s]),
          recoveryId: signed.recoveryId === 0 ? 1 : 0,
        };
        assert.equal(recoverNow(native, twin), undefined);
        assert.equal(inJavaScript(twin), undefined);
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  it('draws the line between low and high s at half the order', () => {
    const half = order / 2n;
    const withS = (s: bigint): Buffer => Buffer.concat([wordOf(1n), wordOf(s)]);
    assert.deepEqual([half - 1n, half, half + 1n, order - 1n].map(withS).map(isLowS), [
      true,
      true,
      false,
      false,
    ]);
  });

  it('of signatures that are none, finds nobody, with the library and without', () => {
    const digest = Buffer.alloc(32, 7);
    const field = secp256k1.Point.Fp.ORDER;
    const one = 1n;
    for (const [r, s] of [
      [0n, one],
      [one, 0n],
      [0n, 0n],
      [order, one],
      [order + 1n, one],
      [field, one],
      [2n ** 256n - 1n, one],
      // No point of the curve has this x.
      [5n, one],
    ] as const) {
      for (const recoveryId of [0, 1] as const) {
        const signed = { digest, signature: Buffer.concat([wordOf(r), wordOf(s)]), recoveryId };
        assert.equal(recoverNow(native, signed), undefined, `r = ${r}, s = ${s}`);
        assert.equal(inJavaScript(signed), undefined, `r = ${r}, s = ${s}`);
      }
    }
  });

  it('of any bytes, gives one answer with the library and without', () => {
    const edge = fc.constantFrom(0n, 1n, order / 2n, order / 2n + 1n, order - 1n, order).map(wordOf);
    const word = fc.oneof({ weight: 4, arbitrary: bytes32 }, { weight: 1, arbitrary: edge });
    fc.assert(
      fc.property(
        bytes32,
        word,
        word,
        fc.constantFrom(0 as const, 1 as const),
        (digest, r, s, recoveryId) => {
          const signed = { digest, signature: Buffer.concat([r, s]), recoveryId };
          assert.equal(recoverNow(native, signed), inJavaScript(signed));
        },
      ),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('gives each call a result of its own', () => {
    const first = sign(Buffer.alloc(32, 1), Buffer.alloc(32, 2));
    const second = sign(Buffer.alloc(32, 3), Buffer.alloc(32, 4));
    const signers: Uint8Array[] = [];
    for (const { signed } of [first, second]) native.recover(signed, (signer) => signers.push(signer!));
    assert.deepEqual(
      signers.map((signer) => `0x${hexOf(signer)}`),
      [first.address, second.address],
    );
  });
});

describe('recovery in the compute pool', () => {
  const { signed } = sign(Buffer.alloc(32, 1), Buffer.alloc(32, 2));
  const answerOf = (recovery: SignerRecovery, asked: SignedDigest) =>
    new Promise<{ signer: Uint8Array | undefined; error: unknown }>((resolve) => {
      recovery.recover(asked, (signer, error) => resolve({ signer, error }));
    });

  it('hands on what the pool found', async () => {
    const signer = new Uint8Array(20).fill(9);
    const answer = await answerOf(
      createPoolRecovery(async () => signer),
      signed,
    );
    assert.deepEqual(answer, { signer, error: undefined });
  });

  it('tells a pool that failed from a signature that is none', async () => {
    const failure = new Error('the pool is full');
    const failed = await answerOf(
      createPoolRecovery(() => Promise.reject(failure)),
      signed,
    );
    assert.deepEqual(failed, { signer: undefined, error: failure });
    const none = await answerOf(
      createPoolRecovery(async () => undefined),
      signed,
    );
    assert.deepEqual(none, { signer: undefined, error: undefined });
  });

  it('is not asked about a high s', async () => {
    let calls = 0;
    const recovery = createPoolRecovery(async () => {
      calls++;
      return undefined;
    });
    const signature = Buffer.concat([wordOf(1n), wordOf(order - 1n)]);
    assert.deepEqual(await answerOf(recovery, { ...signed, signature }), {
      signer: undefined,
      error: undefined,
    });
    assert.equal(calls, 0);
  });
});

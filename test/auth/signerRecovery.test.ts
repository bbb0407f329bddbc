import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
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
import type { AddressText } from '#src/lib/address.js';
import { addressTextWords } from '#src/lib/addressWords.js';
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
  assert.ok('verify' in native, 'this platform has a prebuilt library');
  return native;
}

/** Whether an address signed, asked of a recovery that answers in the same tick. */
function isSignedBy(recovery: SignerRecovery, signed: SignedDigest, address: string): boolean {
  const isSigner = recovery.verify(signed, addressTextWords(address as AddressText));
  assert.ok(typeof isSigner === 'boolean', 'it answers at once');
  return isSigner;
}

const nobody = `0x${'0'.repeat(40)}`;
const flipped = (signed: SignedDigest): SignedDigest => ({
  ...signed,
  recoveryId: signed.recoveryId === 0 ? 1 : 0,
});

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
        assert.ok(isSignedBy(native, signed, address));
        assert.ok(!isSignedBy(native, signed, nobody));
        assert.equal(inJavaScript(signed), address);
      }),
      { numRuns: propertyRuns(400) },
    );
  });

  it('refuses the twin with the high s, which names the same signer', () => {
    fc.assert(
      fc.property(privateKey, bytes32, (key, digest) => {
        const { signed, address } = sign(key, digest);
        const s = wordOf(order - numberOf(signed.signature.subarray(32)));
        const twin: SignedDigest = {
          digest,
          signature: Buffer.concat([signed.signature.subarray(0, 32), s]),
          recoveryId: signed.recoveryId === 0 ? 1 : 0,
        };
        assert.ok(!isSignedBy(native, twin, address));
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
        assert.ok(!isSignedBy(native, signed, nobody), `r = ${r}, s = ${s}`);
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
          const address = inJavaScript(signed);
          assert.equal(isSignedBy(native, signed, address ?? nobody), address !== undefined);
        },
      ),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('answers the same for a caller whose key it has seen as for one whom it has not', () => {
    const fresh = loadNative();
    const keys = Array.from({ length: 3 }, (_, i) => Buffer.alloc(32, i + 1));
    const addresses = [...keys.map((key) => sign(key, Buffer.alloc(32, 1)).address), nobody];
    const from = fc.nat(keys.length - 1);
    const change = fc.constantFrom('none', 'recovery id', 'digest', 'r', 's');
    fc.assert(
      fc.property(from, fc.nat(addresses.length - 1), bytes32, change, (signer, claimed, digest, changed) => {
        const genuine = sign(keys[signer]!, digest).signed;
        const touched = (bytes: Uint8Array, at: number): Uint8Array =>
          bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
        const signed: Readonly<Record<string, SignedDigest>> = {
          none: genuine,
          'recovery id': flipped(genuine),
          digest: { ...genuine, digest: touched(digest, 31) },
          r: { ...genuine, signature: touched(genuine.signature, 31) },
          s: { ...genuine, signature: touched(genuine.signature, 63) },
        };
        const expected = inJavaScript(signed[changed]!) === addresses[claimed];
        assert.equal(expected, changed === 'none' && signer === claimed);
        assert.equal(isSignedBy(fresh, signed[changed]!, addresses[claimed]!), expected);
      }),
      { numRuns: propertyRuns(400) },
    );
  });

  it('keeps callers apart who meet where it remembers their keys', () => {
    const digest = Buffer.alloc(32, 7);
    const rowOf = (address: string): number => addressTextWords(address as AddressText)[0]! & 1_023;
    const seen = new Map<number, ReturnType<typeof sign>>();
    for (let number = 1; ; number++) {
      const one = sign(wordOf(BigInt(number)), digest);
      const other = seen.get(rowOf(one.address));
      seen.set(rowOf(one.address), one);
      if (other === undefined) continue;
      for (const [{ signed }, { address }] of [
        [one, one],
        [other, other],
        [one, one],
      ] as const) {
        assert.ok(isSignedBy(native, signed, address));
      }
      assert.ok(!isSignedBy(native, one.signed, other.address));
      assert.ok(!isSignedBy(native, other.signed, one.address));
      return;
    }
  });
});

describe('recovery in the compute pool', () => {
  const { signed, address } = sign(Buffer.alloc(32, 1), Buffer.alloc(32, 2));
  const signer = addressTextWords(address as AddressText);
  const answerOf = async (recovery: SignerRecovery, asked: SignedDigest): Promise<boolean> =>
    recovery.verify(asked, signer);

  it('compares whom the pool found', async () => {
    const found = createPoolRecovery(async (asked) => recoverInJavaScript(asked));
    assert.equal(await answerOf(found, signed), true);
    assert.equal(await answerOf(found, flipped(signed)), false);
    const other = createPoolRecovery(async () => new Uint8Array(20).fill(9));
    assert.equal(await answerOf(other, signed), false);
  });

  it('keeps what it asks about when the memory is used again', async () => {
    const reused = {
      ...signed,
      digest: Uint8Array.from(signed.digest),
      signature: Uint8Array.from(signed.signature),
    };
    const later = createPoolRecovery(async (asked) => {
      await setImmediate();
      return recoverInJavaScript(asked);
    });
    const answer = answerOf(later, reused);
    reused.digest.fill(0);
    reused.signature.fill(0);
    assert.equal(await answer, true);
  });

  it('tells a pool that failed from a signature that is none', async () => {
    const failure = new Error('the pool is full');
    const failed = createPoolRecovery(() => Promise.reject(failure));
    await assert.rejects(answerOf(failed, signed), failure);
    const none = createPoolRecovery(async () => undefined);
    assert.equal(await answerOf(none, signed), false);
  });

  it('is not asked about a high s', async () => {
    let calls = 0;
    const recovery = createPoolRecovery(async () => {
      calls++;
      return undefined;
    });
    const signature = Buffer.concat([wordOf(1n), wordOf(order - 1n)]);
    assert.equal(await answerOf(recovery, { ...signed, signature }), false);
    assert.equal(calls, 0);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { checksumAddress } from '#src/keys/checksumAddress.js';
import { createNodeKey, generatePrivateKey } from '#src/keys/nodeKey.js';
import { parseAddress } from '#src/lib/address.js';
import { propertyRuns } from '#test/runs.js';
import { bytesOf, gatewayKey, hexOf, schedulerKey } from './publicTestKeys.js';

const order = secp256k1.Point.Fn.ORDER;
const key32 = (value: bigint): Uint8Array => bytesOf(value.toString(16).padStart(64, '0'));

describe('the node key', () => {
  test('has the public key and addresses that the Go node derives', () => {
    const key = createNodeKey(bytesOf(gatewayKey.privateKeyHex));
    assert.equal(hexOf(key.publicKey), gatewayKey.publicKeyHex);
    assert.equal(key.checksumAddress, gatewayKey.checksumAddress);
    assert.equal(key.address, gatewayKey.checksumAddress.toLowerCase());
    assert.equal(
      createNodeKey(bytesOf(schedulerKey.privateKeyHex)).checksumAddress,
      schedulerKey.checksumAddress,
    );
  });

  test('signs an identity digest as the Go node does', () => {
    const key = createNodeKey(bytesOf(gatewayKey.privateKeyHex));
    assert.equal(hexOf(key.sign(bytesOf(gatewayKey.identityDigestHex))), gatewayKey.identitySignatureHex);
  });

  test('signs with low s, twice the same, and recovers to its public key', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: order - 1n }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (secret, digest) => {
          const key = createNodeKey(key32(secret));
          const signature = key.sign(digest);
          assert.equal(signature.length, 65);
          assert.deepEqual(key.sign(digest), signature);
          assert.ok(BigInt(`0x${hexOf(signature.subarray(32, 64))}`) <= order / 2n);
          const v = signature[64]!;
          assert.ok(v === 0 || v === 1);
          const recovered = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
            .addRecoveryBit(v)
            .recoverPublicKey(digest)
            .toBytes(false);
          assert.deepEqual(hexOf(recovered), hexOf(key.publicKey));
        },
      ),
      { numRuns: propertyRuns(200) },
    );
  });

  test('refuses to sign anything but 32 bytes', () => {
    const key = createNodeKey(bytesOf(gatewayKey.privateKeyHex));
    for (const length of [0, 31, 33]) {
      assert.throws(() => key.sign(new Uint8Array(length)), { code: 'internal_error' });
    }
  });

  test('accepts 1 and n − 1, and refuses zero, n and other lengths', () => {
    assert.equal(createNodeKey(key32(1n)).address, '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf');
    assert.match(createNodeKey(key32(order - 1n)).address, /^0x[0-9a-f]{40}$/);
    const refused = [key32(0n), key32(order), new Uint8Array(32).fill(255), new Uint8Array(31).fill(1)];
    for (const bytes of [...refused, new Uint8Array(33).fill(1), new Uint8Array(0)]) {
      assert.throws(() => createNodeKey(bytes), { code: 'key_file', meta: { problem: 'invalid_key' } });
    }
  });

  test('keeps its own copy of the private key', () => {
    const bytes = bytesOf(gatewayKey.privateKeyHex);
    const key = createNodeKey(bytes);
    bytes.fill(0);
    assert.equal(hexOf(key.sign(bytesOf(gatewayKey.identityDigestHex))), gatewayKey.identitySignatureHex);
  });

  test('shows its secret to no inspector or serialiser', () => {
    const key = createNodeKey(bytesOf(gatewayKey.privateKeyHex));
    const shown = [
      JSON.stringify(key),
      inspect(key, { depth: null, showHidden: true, getters: true, maxArrayLength: null }),
      String(key),
      JSON.stringify(Object.getOwnPropertyDescriptors(key)),
    ];
    const asBytes = Array.from(bytesOf(gatewayKey.privateKeyHex));
    for (const text of shown) {
      assert.ok(!text.includes(gatewayKey.privateKeyHex));
      assert.ok(!text.replace(/\s/g, '').includes(asBytes.slice(0, 4).join(',')));
      assert.ok(!text.includes(BigInt(`0x${gatewayKey.privateKeyHex}`).toString()));
    }
    assert.ok(shown[1]!.includes(gatewayKey.checksumAddress));
  });

  test('is a new one with every generation', () => {
    const drawn = new Set(Array.from({ length: 20 }, () => createNodeKey(generatePrivateKey()).address));
    assert.equal(drawn.size, 20);
  });
});

test('addresses get the letter case of EIP-55', () => {
  const examples = [
    '0x52908400098527886E0F7030069857D2E4169EE7',
    '0x8617E340B3D01FA5F11F306F4090FD50E238070D',
    '0xde709f2102306220921060314715629080e2fb77',
    '0x27b1fdb04752bbc536007a920d24acb045561c26',
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ];
  for (const example of examples) assert.equal(checksumAddress(parseAddress(example)!), example);
});

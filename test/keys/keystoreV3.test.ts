import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decryptKeystoreV3, encryptKeystoreV3 } from '#src/keys/keystoreV3.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import { propertyRuns } from '#test/runs.js';
import {
  pbkdf2Vector,
  scryptVector,
  shortKeyPassword,
  shortKeyVectors,
  specificationKeyHex,
  specificationPassword,
} from './keystoreVectors.js';
import { bytesOf, gatewayKey, hexOf } from './publicTestKeys.js';

const cheap = { n: 2, r: 8, p: 1 };
const anyKey = fc.bigInt({ min: 1n, max: 2n ** 255n }).map((n) => bytesOf(n.toString(16).padStart(64, '0')));

/** A keystore that opens quickly, to be spoiled by a test. */
const sound = shortKeyVectors[0]!.file;
type Change = Readonly<Record<string, unknown>>;
const withCrypto = (change: Change) => ({ ...sound, crypto: { ...sound.crypto, ...change } });
const withScrypt = (change: Change) => withCrypto({ kdfparams: { ...sound.crypto.kdfparams, ...change } });
const withPbkdf2 = (change: Change) =>
  withCrypto({ kdf: 'pbkdf2', kdfparams: { ...pbkdf2Vector.crypto.kdfparams, ...change } });

const problemOf = async (file: object, password = shortKeyPassword): Promise<unknown> => {
  try {
    await decryptKeystoreV3({ ...file }, password);
    return 'none';
  } catch (thrown) {
    return (thrown as { meta?: { problem?: unknown } }).meta?.problem ?? thrown;
  }
};

describe('reading keystores of others', () => {
  test('opens the scrypt vector of the specification, whose parameters OpenSSL refuses', async () => {
    assert.equal(hexOf(await decryptKeystoreV3(scryptVector, specificationPassword)), specificationKeyHex);
  });

  test('opens the pbkdf2 vector of the specification', async () => {
    assert.equal(hexOf(await decryptKeystoreV3(pbkdf2Vector, specificationPassword)), specificationKeyHex);
  });

  test("opens geth's vectors of keys whose leading zeros were dropped", async () => {
    for (const { file, keyHex } of shortKeyVectors) {
      assert.equal(hexOf(await decryptKeystoreV3(file, shortKeyPassword)), keyHex);
    }
  });

  test('accepts the capitalised "Crypto" of old files', async () => {
    const { crypto, ...rest } = sound;
    const opened = await decryptKeystoreV3({ ...rest, Crypto: crypto }, shortKeyPassword);
    assert.equal(hexOf(opened), shortKeyVectors[0]!.keyHex);
  });

  test('accepts upper-case hex, 0x prefixes and a matching or empty address', async () => {
    const { address } = createNodeKey(bytesOf(shortKeyVectors[0]!.keyHex));
    const shouting = withCrypto({
      mac: `0x${sound.crypto.mac.toUpperCase()}`,
      ciphertext: sound.crypto.ciphertext.toUpperCase(),
    });
    for (const stated of [address, address.slice(2).toUpperCase(), '']) {
      const opened = await decryptKeystoreV3({ ...shouting, address: stated }, shortKeyPassword);
      assert.equal(hexOf(opened), shortKeyVectors[0]!.keyHex);
    }
  });
});

describe('writing keystores', () => {
  test('gives back any key for any password', async () => {
    await fc.assert(
      fc.asyncProperty(anyKey, fc.string({ unit: 'binary' }), async (privateKey, password) => {
        const file = await encryptKeystoreV3(privateKey, password, cheap);
        const stored = JSON.parse(JSON.stringify(file)) as Record<string, unknown>;
        assert.deepEqual(await decryptKeystoreV3(stored, password), privateKey);
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  test('opens with no other password', async () => {
    await fc.assert(
      fc.asyncProperty(anyKey, fc.string(), fc.string(), async (privateKey, right, wrong) => {
        fc.pre(right !== wrong);
        const file = await encryptKeystoreV3(privateKey, right, cheap);
        assert.equal(await problemOf(file, wrong), 'wrong_password');
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  test('costs 128 MiB to open unless told otherwise, states the address, and draws salt and iv anew', async () => {
    const privateKey = bytesOf(gatewayKey.privateKeyHex);
    const file = await encryptKeystoreV3(privateKey, 'p');
    const { n, r, p, dklen } = file.crypto.kdfparams;
    assert.deepEqual({ n, r, p, dklen }, { n: 131072, r: 8, p: 1, dklen: 32 });
    assert.equal(file.address, gatewayKey.checksumAddress.slice(2).toLowerCase());
    const again = await encryptKeystoreV3(privateKey, 'p', cheap);
    assert.notEqual(again.crypto.kdfparams.salt, file.crypto.kdfparams.salt);
    assert.notEqual(again.crypto.cipherparams.iv, file.crypto.cipherparams.iv);
    assert.notEqual(again.id, file.id);
  });

  test('refuses a key out of range', async () => {
    await assert.rejects(encryptKeystoreV3(new Uint8Array(32), 'p', cheap), { code: 'key_file' });
  });
});

describe('refusing keystores', () => {
  test('one changed bit of ciphertext, mac or salt opens nothing', async () => {
    const flipped = (hex: string) => hexOf(bytesOf(hex).map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
    const spoiled = [
      withCrypto({ ciphertext: flipped(sound.crypto.ciphertext) }),
      withCrypto({ mac: flipped(sound.crypto.mac) }),
      withScrypt({ salt: flipped(sound.crypto.kdfparams.salt) }),
    ];
    for (const file of spoiled) assert.equal(await problemOf(file), 'wrong_password');
    assert.equal(await problemOf(sound), 'none');
  });

  test('an address that is not that of the key inside', async () => {
    assert.equal(await problemOf({ ...sound, address: gatewayKey.checksumAddress }), 'mismatch');
  });

  const hostile: Record<string, object> = {
    'memory above 512 MiB': withScrypt({ n: 2 ** 20, r: 8 }),
    'memory above 512 MiB through r': withScrypt({ n: 2 ** 17, r: 64 }),
    'n that is no power of two': withScrypt({ n: 3 }),
    'n of one': withScrypt({ n: 1 }),
    'n of zero': withScrypt({ n: 0 }),
    'a negative n': withScrypt({ n: -2 }),
    'r of zero': withScrypt({ r: 0 }),
    'a huge r': withScrypt({ r: 2 ** 30 }),
    'p of zero': withScrypt({ p: 0 }),
    'a huge p': withScrypt({ p: 2 ** 30 }),
    'too much work in all': withScrypt({ n: 2 ** 18, r: 8, p: 64 }),
    'a short dklen': withScrypt({ dklen: 16 }),
    'a huge dklen': withScrypt({ dklen: 2 ** 31 }),
    'an empty salt': withScrypt({ salt: '' }),
    'a huge salt': withScrypt({ salt: 'ab'.repeat(5000) }),
    'a short iv': withCrypto({ cipherparams: { iv: 'ab'.repeat(15) } }),
    'a long iv': withCrypto({ cipherparams: { iv: 'ab'.repeat(17) } }),
    'a long ciphertext': withCrypto({ ciphertext: 'ab'.repeat(33) }),
    'an empty ciphertext': withCrypto({ ciphertext: '' }),
    'a short mac': withCrypto({ mac: 'ab' }),
    'a huge pbkdf2 count': withPbkdf2({ c: 2 ** 31 }),
    'a pbkdf2 count of zero': withPbkdf2({ c: 0 }),
  };
  for (const [what, file] of Object.entries(hostile)) {
    test(`${what} is hostile`, async () => {
      assert.equal(await problemOf(file), 'hostile_parameters');
    });
  }

  const unknown: Record<string, object> = {
    'another cipher': withCrypto({ cipher: 'aes-256-cbc' }),
    'another key derivation': withCrypto({ kdf: 'argon2id' }),
    'another pbkdf2 function': withPbkdf2({ prf: 'hmac-sha1' }),
    'n as text': withScrypt({ n: '262144' }),
    'n with a fraction': withScrypt({ n: 2.5 }),
    'n beyond whole numbers': withScrypt({ n: 1e300 }),
    'a salt that is no hex': withScrypt({ salt: 'zz'.repeat(32) }),
    'no kdfparams': withCrypto({ kdfparams: undefined }),
    'kdfparams as a list': withCrypto({ kdfparams: [] }),
    'no crypto': { ...sound, crypto: null },
    'an address that is none': { ...sound, address: 'me' },
  };
  for (const [what, file] of Object.entries(unknown)) {
    test(`${what} is not understood`, async () => {
      assert.equal(await problemOf(file), 'unknown_format');
    });
  }

  test('whatever JSON takes the place of a field, the answer is a key file error', async () => {
    const spoil = fc.record({
      field: fc.constantFrom('cipher', 'cipherparams', 'ciphertext', 'kdf', 'kdfparams', 'mac'),
      value: fc.jsonValue(),
    });
    await fc.assert(
      fc.asyncProperty(spoil, async ({ field, value }) => {
        assert.equal(typeof (await problemOf(withCrypto({ [field]: value }))), 'string');
      }),
      { numRuns: propertyRuns(1000) },
    );
  });
});

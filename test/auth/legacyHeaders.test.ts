import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ClaimedCallers } from '#src/auth/claimedCallers.js';
import { type LegacyHeaders, parseLegacyHeaders } from '#src/auth/legacyHeaders.js';
import { NodeError } from '#src/errors/nodeError.js';
import type { AddressText } from '#src/lib/address.js';
import { addressTextWords } from '#src/lib/addressWords.js';
import { propertyRuns } from '#test/runs.js';

const address = '0x0172b2911af6A2491ff76dDEc34aCb7AE2c03BA1';
const digits = `${'ab'.repeat(32)}${'12'.repeat(32)}1b`;
const sound = { 'x-address': address, 'x-timestamp': '1750000000', 'x-nonce': 'n', 'x-signature': digits };

const callers = new ClaimedCallers();

type Changes = Readonly<Record<string, string | undefined>>;

function parse(changes: Changes = {}): LegacyHeaders | NodeError {
  const headers = Object.entries({ ...sound, ...changes }).filter(([, value]) => value !== undefined);
  return parseLegacyHeaders(new Map(headers as [string, string][]), callers);
}

function accepted(changes: Changes = {}): LegacyHeaders {
  const parsed = parse(changes);
  assert.ok(!(parsed instanceof NodeError), `refused: ${(parsed as Partial<NodeError>).message}`);
  return parsed;
}

function refusedWith(changes: Changes): string {
  const parsed = parse(changes);
  assert.ok(parsed instanceof NodeError, `accepted ${JSON.stringify(changes)}`);
  return parsed.code;
}

describe('the headers of a signed request', () => {
  it('are taken apart', () => {
    assert.deepEqual(accepted(), {
      caller: {
        address: address.toLowerCase(),
        words: addressTextWords(address.toLowerCase() as AddressText),
      },
      timestamp: '1750000000',
      timestampS: 1_750_000_000,
      nonce: 'n',
      signature: Buffer.from(digits.slice(0, 128), 'hex'),
      recoveryId: 0,
    });
  });

  it('name the same caller in every letter case, with or without 0x', () => {
    for (const spelled of [address.toLowerCase(), address.toUpperCase(), address.slice(2)]) {
      assert.equal(accepted({ 'x-address': spelled }).caller.address, address.toLowerCase());
    }
  });

  it('hold the signature in either letter case, with or without 0x, and v as 0, 1, 27 or 28', () => {
    const bytes = accepted().signature;
    for (const spelled of [digits.toUpperCase(), `0x${digits}`, `0X${digits.toUpperCase()}`]) {
      assert.deepEqual(accepted({ 'x-signature': spelled }).signature, bytes);
    }
    const recoveryIdOf = (v: string): number =>
      accepted({ 'x-signature': digits.slice(0, 128) + v }).recoveryId;
    assert.deepEqual(['00', '01', '1b', '1c'].map(recoveryIdOf), [0, 1, 0, 1]);
  });

  it('with any other v are malformed', () => {
    for (let v = 0; v < 256; v++) {
      if ([0, 1, 27, 28].includes(v)) continue;
      const signature = digits.slice(0, 128) + v.toString(16).padStart(2, '0');
      assert.equal(refusedWith({ 'x-signature': signature }), 'auth_malformed', `v = ${v}`);
    }
  });

  it('keep the timestamp as it was spelled, because that was signed', () => {
    const { timestamp, timestampS } = accepted({ 'x-timestamp': '00750000000' });
    assert.deepEqual([timestamp, timestampS], ['00750000000', 750_000_000]);
  });

  it('are all required, and an empty one is a missing one', () => {
    for (const name of Object.keys(sound)) {
      assert.equal(refusedWith({ [name]: undefined }), 'auth_missing', name);
      assert.equal(refusedWith({ [name]: '' }), 'auth_missing', name);
    }
  });

  for (const [name, values] of Object.entries({
    'x-address': [
      '0x',
      address.slice(0, -1),
      `${address}0`,
      `${address} `,
      address.replace('a', 'g'),
      `0x${address}`,
    ],
    'x-timestamp': ['1'.repeat(12), '-1', '+1', '1.0', '1e9', ' 1', '1 ', '0x1', '\u0661', 'now'],
    'x-nonce': ['n'.repeat(513), 'a\u0000', 'a\nb', 'a\tb', '\u007f', 'caf\u00e9'],
    'x-signature': [
      digits.slice(1),
      `${digits}0`,
      digits.replace('a', 'g'),
      `0x0x${digits}`,
      ` ${digits}`,
      'x',
    ],
  })) {
    for (const value of values) {
      it(`${name}: ${JSON.stringify(value.slice(0, 80))} is malformed`, () => {
        assert.equal(refusedWith({ [name]: value }), 'auth_malformed');
      });
    }
  }

  it('take every nonce of 1 to 512 printable ASCII characters as it is', () => {
    const nonce = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 512,
    });
    fc.assert(
      fc.property(nonce, (text) => {
        assert.equal(accepted({ 'x-nonce': text }).nonce, text);
      }),
      { numRuns: propertyRuns(2_000) },
    );
    assert.equal(accepted({ 'x-nonce': '~'.repeat(512) }).nonce.length, 512);
  });

  it('hold a timestamp and a nonce of exactly these forms', () => {
    const unit = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...'0123456789') },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x2ff }).map((code) => String.fromCharCode(code)) },
    );
    const text = fc.oneof(
      fc.string({ unit, minLength: 1, maxLength: 13 }),
      fc.string({ unit: fc.constantFrom('a', '~', ' ', '\u007f'), minLength: 500, maxLength: 520 }),
    );
    const isAccepted = (changes: Changes): boolean => !(parse(changes) instanceof NodeError);
    fc.assert(
      fc.property(text, (value) => {
        const isTimestamp = /^\d{1,11}$/.test(value);
        assert.equal(isAccepted({ 'x-timestamp': value }), isTimestamp);
        if (isTimestamp) assert.equal(accepted({ 'x-timestamp': value }).timestampS, Number(value));
        assert.equal(isAccepted({ 'x-nonce': value }), /^[\x20-\x7e]{1,512}$/.test(value));
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('of any text never throw', () => {
    const text = fc.string({ unit: 'binary', maxLength: 140 });
    fc.assert(
      fc.property(text, text, text, text, (a, t, n, s) => {
        const parsed = parse({ 'x-address': a, 'x-timestamp': t, 'x-nonce': n, 'x-signature': s });
        assert.ok(parsed instanceof NodeError);
        assert.equal(parsed.status, 401);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

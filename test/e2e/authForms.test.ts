/** The forms of the four headers that are accepted and refused, signed by viem, over one node. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openRaw, requestHead } from '../support/rawConnection.js';
import { modelsPath, type SendOptions, send, startTestStand, type TestStand } from '../support/testStand.js';

type Headers = Record<string, string>;

const groupOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const word = (value: bigint): string => value.toString(16).padStart(64, '0');

describe('the forms of signed headers', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1 } } });
  });
  after(() => stand?.close());

  const signed = async (change: (headers: Headers) => Headers, nonce?: string): Promise<Headers> =>
    change(await stand.gateway.sign('', nonce === undefined ? {} : { nonce }));
  const codeOf = async (headers: Headers, options: SendOptions = {}): Promise<string | number> => {
    const answer = await send(stand.node.port, { ...options, headers });
    assert.ok(answer.status === 200 || answer.status === 401, `${answer.status} ${answer.body}`);
    return answer.code ?? answer.status;
  };

  /** A signature in parts, so that a test can change one. */
  const changeSignature =
    (change: (r: string, s: string, v: number) => string) =>
    (headers: Headers): Headers => {
      const signature = headers['x-signature'] ?? '';
      const v = Number.parseInt(signature.slice(128), 16);
      return { ...headers, 'x-signature': change(signature.slice(0, 64), signature.slice(64, 128), v) };
    };
  const hexByte = (value: number): string => value.toString(16).padStart(2, '0');

  const accepted: Readonly<Record<string, (headers: Headers) => Headers>> = {
    'v as 27 or 28': (headers) => headers,
    'v as 0 or 1': changeSignature((r, s, v) => r + s + hexByte(v - 27)),
    'upper-case hex': changeSignature((r, s, v) => (r + s + hexByte(v)).toUpperCase()),
    'a 0x prefix': changeSignature((r, s, v) => `0x${r}${s}${hexByte(v)}`),
    'a 0x prefix, upper-case hex and v as 0 or 1': changeSignature(
      (r, s, v) => `0x${(r + s + hexByte(v - 27)).toUpperCase()}`,
    ),
    'a lower-case X-Address (the Go node compared letters)': (headers) => ({
      ...headers,
      'x-address': headers['x-address']!.toLowerCase(),
    }),
    'an upper-case X-Address': (headers) => ({
      ...headers,
      'x-address': `0x${headers['x-address']!.slice(2).toUpperCase()}`,
    }),
    'an X-Address without 0x': (headers) => ({ ...headers, 'x-address': headers['x-address']!.slice(2) }),
    'header names in upper case': (headers) =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value])),
  };
  for (const [what, change] of Object.entries(accepted)) {
    it(`accepts ${what}`, async () => {
      // Both values of v come up, whichever way the curve points fall.
      for (let i = 0; i < 8; i++) assert.equal(await codeOf(await signed(change)), 200);
    });
  }

  const refused: Readonly<Record<string, readonly [code: string, change: (headers: Headers) => Headers]>> = {
    'a signature with high S, which is the second valid one of the same request': [
      'auth_bad_signature',
      changeSignature((r, s, v) => r + word(groupOrder - BigInt(`0x${s}`)) + hexByte(v === 27 ? 28 : 27)),
    ],
    'a signature with high S and v left as it was': [
      'auth_bad_signature',
      changeSignature((r, s, v) => r + word(groupOrder - BigInt(`0x${s}`)) + hexByte(v)),
    ],
    'the other v': ['auth_bad_signature', changeSignature((r, s, v) => r + s + hexByte(v === 27 ? 28 : 27))],
    'r = 0': ['auth_bad_signature', changeSignature((_r, s, v) => word(0n) + s + hexByte(v))],
    's = 0': ['auth_bad_signature', changeSignature((r, _s, v) => r + word(0n) + hexByte(v))],
    'r = the group order': [
      'auth_bad_signature',
      changeSignature((_r, s, v) => word(groupOrder) + s + hexByte(v)),
    ],
    's = the group order': [
      'auth_bad_signature',
      changeSignature((r, _s, v) => r + word(groupOrder) + hexByte(v)),
    ],
    'r above the group order': [
      'auth_bad_signature',
      changeSignature((_r, s, v) => 'f'.repeat(64) + s + hexByte(v)),
    ],
    's above the group order': [
      'auth_bad_signature',
      changeSignature((r, _s, v) => r + 'f'.repeat(64) + hexByte(v)),
    ],
    'r that is on no point of the curve': [
      'auth_bad_signature',
      changeSignature((_r, s, v) => word(5n) + s + hexByte(v)),
    ],
    'a signature of 64 bytes': ['auth_malformed', changeSignature((r, s) => r + s)],
    'a signature of 66 bytes': ['auth_malformed', changeSignature((r, s, v) => `${r}${s}${hexByte(v)}00`)],
    'half a byte more': ['auth_malformed', changeSignature((r, s, v) => `${r}${s}${hexByte(v)}0`)],
    'v = 2': ['auth_malformed', changeSignature((r, s) => `${r}${s}02`)],
    'v = 26': ['auth_malformed', changeSignature((r, s) => `${r}${s}1a`)],
    'v = 29': ['auth_malformed', changeSignature((r, s) => `${r}${s}1d`)],
    'v = 255': ['auth_malformed', changeSignature((r, s) => `${r}${s}ff`)],
    'a signature that is not hex': ['auth_malformed', changeSignature((r, s) => `${r.slice(1)}g${s}1b`)],
    'a signature in base64': [
      'auth_malformed',
      changeSignature((r, s) => Buffer.from(r + s, 'hex').toString('base64')),
    ],
    'a signature with 0x twice': ['auth_malformed', changeSignature((r, s) => `0x0x${r}${s}1b`)],
    'an X-Address of 19 bytes': [
      'auth_malformed',
      (h) => ({ ...h, 'x-address': h['x-address']!.slice(0, 40) }),
    ],
    'an X-Address of 21 bytes': ['auth_malformed', (h) => ({ ...h, 'x-address': `${h['x-address']}00` })],
    'an X-Address that is not hex': ['auth_malformed', (h) => ({ ...h, 'x-address': `0x${'g'.repeat(40)}` })],
    'the zero address': ['auth_unknown_caller', (h) => ({ ...h, 'x-address': `0x${'0'.repeat(40)}` })],
  };
  for (const [what, [code, change]] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      assert.equal(await codeOf(await signed(change)), code);
    });
  }

  for (const timestamp of [
    '123456789012',
    '-1',
    '1750000000.0',
    '1e9',
    '0x10',
    '17 50',
    '+1750000000',
    'now',
  ]) {
    it(`refuses the timestamp ${timestamp}`, async () => {
      const headers = await signed((h) => ({ ...h, 'x-timestamp': timestamp }));
      assert.equal(await codeOf(headers), 'auth_malformed');
    });
  }

  it('accepts a timestamp with leading zeros when exactly that text was signed', async () => {
    const now = Math.floor(Date.now() / 1000);
    const headers = await stand.gateway.sign('', { timestamp: `0${now}` as unknown as number });
    assert.equal(await codeOf(headers), 200);
    const other = await stand.gateway.sign('');
    assert.equal(await codeOf({ ...other, 'x-timestamp': `0${other['x-timestamp']}` }), 'auth_bad_signature');
  });

  const nonces: Readonly<Record<string, string>> = {
    'one byte': '0',
    '512 bytes': 'n'.repeat(512),
    'every printable character': Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join(''),
    'inner spaces': 'a b  c',
    'sixteen hex digits, as the Go client sends': '1f2e3d4c5b6a7988',
  };
  for (const [what, nonce] of Object.entries(nonces)) {
    it(`accepts a nonce of ${what}`, async () => {
      assert.equal(await codeOf(await signed((headers) => headers, nonce)), 200);
    });
  }

  it('refuses a nonce of 513 bytes', async () => {
    assert.equal(await codeOf(await signed((headers) => headers, 'n'.repeat(513))), 'auth_malformed');
  });
  for (const inner of ['\xe9', '\xc3\xa9', '\x7f', '\t', '\x80', '\xff']) {
    it(`refuses a nonce with ${JSON.stringify(inner)} inside`, async () => {
      const nonce = `a${inner}b`;
      const raw = await openRaw(stand.node.port);
      const headers = await signed((h) => ({ ...h, 'x-nonce': nonce }), nonce);
      raw.send(Buffer.from(requestHead('GET', modelsPath, Object.entries(headers)), 'latin1'));
      assert.equal((await raw.answer()).code, 'auth_malformed');
      raw.destroy();
    });
  }
  it('refuses an empty nonce as missing', async () => {
    assert.equal(await codeOf(await signed((headers) => ({ ...headers, 'x-nonce': '' }))), 'auth_missing');
  });

  it('signs the path and method of nothing: the legacy scheme covers body, timestamp and nonce only', async () => {
    const headers = await signed((h) => h);
    assert.equal(await codeOf(headers, { path: `${modelsPath}/m` }), 200);
  });

  it('trims the spaces around a header value, which HTTP does not count as part of it', async () => {
    const raw = await openRaw(stand.node.port);
    const headers = await signed((h) => ({ ...h, 'x-nonce': `  ${h['x-nonce']} ` }));
    raw.send(requestHead('GET', modelsPath, Object.entries(headers)));
    assert.equal((await raw.answer()).status, 200);
    raw.destroy();
  });

  it('echoes no secret and no header value in a refusal', async () => {
    const headers = await signed((h) => ({ ...h, 'x-signature': `${h['x-signature']!.slice(0, 128)}07` }));
    const answer = await send(stand.node.port, { headers });
    for (const value of Object.values(headers)) assert.ok(!answer.body.includes(value), answer.body);
  });
});

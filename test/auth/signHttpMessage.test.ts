import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { verifyRequest } from '@slicekit/erc8128';
import { verifyMessage } from 'viem';
import { signHttpMessage } from '#src/auth/signHttpMessage.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import { bytesOf, gatewayKey } from '#test/keys/publicTestKeys.js';

const { checksumAddress, sign } = createNodeKey(bytesOf(gatewayKey.privateKeyHex));
const createdS = 1_750_000_000;

function signed(url: string, body = '') {
  const method = body === '' ? 'GET' : 'POST';
  const headers = signHttpMessage({
    signer: { address: checksumAddress, sign },
    chainId: 84_532,
    method,
    url: new URL(url),
    body: Buffer.from(body),
    createdS,
    expiresS: createdS + 60,
    nonce: 'n-1',
  });
  return new Request(url, { method, headers: { ...headers }, ...(body === '' ? {} : { body }) });
}

/** What the reference implementation of ERC-8128 makes of it. */
const verified = (request: Request) =>
  verifyRequest({
    request,
    verifyMessage: (message) => verifyMessage(message),
    nonceStore: { consume: async () => true },
    policy: { now: () => createdS + 1 },
  });

describe('a request signed for its recipient', () => {
  for (const [what, url, body] of [
    ['without a body', 'http://node.example:8080/v1/models', ''],
    ['with a query and a default port', 'https://NODE.example:443/v1/models?after=a%20b', ''],
    ['with a body', 'http://127.0.0.1:8080/v1/chat/completions', '{"model":"ü"}'],
    ['with both', 'http://[::1]:9/v1/x?a=1', 'body'],
  ] as const) {
    it(`${what} is accepted by another implementation`, async () => {
      const result = await verified(signed(url, body));
      assert.ok(result.ok, JSON.stringify(result));
      assert.equal(result.address, checksumAddress.toLowerCase());
      assert.equal(result.chainId, 84_532);
      assert.equal(result.binding, 'request-bound');
    });
  }

  it('is the one that the README shows', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const shown = /^```http\n(.*?)^```/ms.exec(readme)?.[1] ?? '';
    const headers = signHttpMessage({
      signer: { address: checksumAddress, sign },
      chainId: 84_532,
      method: 'POST',
      url: new URL('https://node.example.com/v1/completions?tag=a'),
      body: Buffer.from('{"model":"m","prompt":"Hi"}'),
      createdS,
      expiresS: createdS + 60,
      nonce: '1f2e3d4c5b6a7988',
    });
    for (const [name, value] of Object.entries(headers))
      assert.ok(shown.includes(`${name}: ${value}\n`), name);
  });

  it('is not accepted for another host, or with another body', async () => {
    const headers = Object.fromEntries(signed('http://a.example/v1/x', 'body').headers);
    const elsewhere = new Request('http://b.example/v1/x', { method: 'POST', headers, body: 'body' });
    assert.equal((await verified(elsewhere)).ok, false);
    const changed = new Request('http://a.example/v1/x', { method: 'POST', headers, body: 'other' });
    assert.equal((await verified(changed)).ok, false);
  });
});
